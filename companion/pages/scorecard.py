"""Claims side by side with their verdicts: shown by chapters, collected by the scorecard."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path

from companion.pages.claims import SCALES, Claim, from_json, short, spelled, to_json
from companion.pages.notebooks import glance

SCORECARD = "scorecard"  # the notebook that collects the claims of all others
STORED = "claims"  # where an output keeps the claims it shows
PLACE = "claim-place"  # class of what names a claim's place
COLOURS = {"holds": "success", "fails": "danger", "undecided": "warning"}  # colour names of the book's theme
MARKS = {"holds": "✓", "fails": "✗", "undecided": "?"}


class Table:
    """Claims side by side, with their verdicts; shown by notebooks, collected by the scorecard."""

    def __init__(self, claims: Iterable[Claim]):
        self.claims = tuple(claims)
        keys = [(claim.id, claim.scale) for claim in self.claims]
        if twice := {key for key in keys if keys.count(key) > 1}:
            raise ValueError(f"claimed twice at the same scale: {', '.join(sorted(id for id, _ in twice))}")

    def __iter__(self):
        return iter(self.claims)

    def __len__(self):
        return len(self.claims)

    def summary(self) -> str:
        """Per scale, how many claims hold, fail and are undecided, in one line.

        Scales are never added up: a claim may be made at several.
        """
        counted = []
        for scale in SCALES:
            verdicts = [claim.verdict for claim in self.claims if claim.scale == scale]
            words = (("holds", "hold"), ("fails", "fail"), ("undecided", "undecided"))
            numbers = ", ".join(f"{verdicts.count(verdict)} {word}" for verdict, word in words)
            counted += [f"{scale} scale: {numbers}"] if verdicts else []
        return " · ".join(counted) or "no claims"

    def __repr__(self) -> str:
        """Only what is the same on every machine: below 1e-9 a number is rounding."""
        shown = lambda c: (c.id, c.scale, c.verdict, c.measured(1e-9), c.bar, _refused(c, 1e-9))
        rows = [shown(claim) for claim in self.claims]
        widths = [max(map(len, column)) for column in zip(*rows)]
        return "\n".join([*("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows), self.summary()])

    def _repr_html_(self) -> str:
        return self.html()

    def html(self, standing: Iterable[Claim] = ()) -> str:
        """One row per claim, one column per scale.

        standing    claims at the defaults, shown below those of the same id and scale.
        """
        defaults = {(claim.id, claim.scale): claim for claim in standing}
        rows: dict[str, dict[str, Claim]] = {}
        for claim in self.claims:
            rows.setdefault(claim.id, {})[claim.scale] = claim
        scales = [scale for scale in SCALES if any(scale in row for row in rows.values())]
        head = "".join(f"<th>{name}</th>" for name in ("claim", *(f"{scale} scale" for scale in scales)))
        body = "".join(_row(row, scales, defaults) for row in rows.values())
        # The theme gives tables of class dataframe its own colours, in light and in dark mode.
        return (
            '<div style="overflow-x:auto"><table class="dataframe claims">'
            f'<thead><tr style="text-align:left">{head}</tr></thead>'
            f"<tbody>{body}</tbody></table></div>"
        )

    def _repr_mimebundle_(self, include=None, exclude=None) -> tuple[dict, dict]:
        """Text and html, and beside them the claims as data.

        They are metadata, because a page refuses outputs it cannot draw.
        """
        shown = {"text/plain": repr(self), "text/html": self._repr_html_()}
        return shown, {STORED: [to_json(claim) for claim in self.claims]}


def collect(folder: Path = Path(".")) -> Table:
    """Every claim in the outputs of the executed chapters of a folder, in the order of their file names.

    raises      ValueError when two chapters make the same claim at one scale.
    """
    paths = sorted(path for path in Path(folder).glob("*.ipynb") if path.stem != SCORECARD)
    return Table(claim for path in paths for claim in claims_in(glance(path)))


def claims_in(notebook: Mapping) -> list[Claim]:
    """The claims that the outputs of an executed notebook show."""
    shown = [output.get("metadata", {}) for cell in notebook["cells"] for output in cell.get("outputs", [])]
    return [from_json(stored) for metadata in shown for stored in metadata.get(STORED, [])]


def show_beside(notebook: Mapping, standing: Iterable[Claim]) -> None:
    """In an executed notebook, show claims at the defaults below those of the same id and scale."""
    standing = tuple(standing)
    for cell in notebook["cells"]:
        for output in cell.get("outputs", []):
            if stored := output.get("metadata", {}).get(STORED):
                output["data"]["text/html"] = Table(map(from_json, stored)).html(standing)


def anchor(id: str) -> str:
    """Of a claim's row on its chapter's page."""
    return "claim-" + re.sub(r"[^\w-]", "-", id)


def chip(claim: Claim) -> str:
    """The verdict on the ground of its colour."""
    colour = (
        f"background:var(--pst-color-{COLOURS[claim.verdict]}-bg, transparent);"
        "color:var(--pst-color-text-base, inherit)"
    )
    return f'<b style="{colour};padding:0 .4em;border-radius:.3em">{MARKS[claim.verdict]} {claim.verdict}</b>'


def _row(row: dict[str, Claim], scales: Sequence[str], defaults: Mapping[tuple[str, str], Claim]) -> str:
    one = next(iter(row.values()))
    changed = [f"changed after a look: {claim.changed}" for claim in row.values() if claim.changed]
    notes = dict.fromkeys(map(escape, [*(claim.note for claim in row.values() if claim.note), *changed]))
    place = f'<span class="{PLACE}">{escape(one.place)}</span>'  # which the rendered book makes a link
    small = "<br>".join([f"{place} · {escape(one.id)}", *notes])
    cells = (
        f"{escape(one.sentence)}<br><small>{small}</small>",
        *(_decision(row[scale], defaults.get((one.id, scale))) if scale in row else "–" for scale in scales),
    )
    return (
        f'<tr id="{escape(anchor(one.id))}">'
        + "".join(f'<td style="text-align:left">{cell}</td>' for cell in cells)
        + "</tr>"
    )


def _decision(claim: Claim, standing: Claim | None = None) -> str:
    published = "" if claim.published is None else f"published {short(claim.published)}"
    small = "<br>".join(map(escape, filter(None, (f"bar {claim.bar}", published, _refused(claim)))))
    beside = f"<br><small>at the defaults:</small> {_number(standing)}" if standing else ""
    return f"{_number(claim)}{beside}<br><small>{small}</small>"


def _number(claim: Claim) -> str:
    """Verdict and measurement, with the reason where it has no interval."""
    open_ends = not math.isnan(claim.value) and math.isnan(claim.low) and math.isnan(claim.high)
    why = "<br><small>no interval: one seed, or a value at the end of its scale</small>" if open_ends else ""
    return f'<span style="white-space:nowrap">{chip(claim)}<br>{claim.measured()}</span>{why}'


def _refused(claim: Claim, floor: float = 0.0) -> str:
    """The wrong alternative with what it would measure; empty if a claim names none."""
    if claim.wrong is None:
        return ""
    verb = "refuses" if claim.refuses else "does not refuse"
    return f"{verb} {spelled(claim.wrong, floor)}: {claim.wrong.name}"
