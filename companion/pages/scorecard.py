"""Claims side by side with their verdicts: shown by chapters, collected by the scorecard."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from html import escape
from pathlib import Path

from companion.pages.book import pages
from companion.pages.claims import SCALES, Claim, from_json, short, spelled, to_json
from companion.pages.notebooks import glance

SCORECARD, MAP = "scorecard", "map"  # the notebooks of claims, and of statements
COLLECT = (SCORECARD, MAP)  # are made of all the others
STORED = "claims"  # where an output keeps the claims it shows
CHAPTERS = "chapters"  # where the scorecard keeps whose claims they are
PLACE = "claim-place"  # class of what names a claim's place
COLOURS = {"holds": "success", "fails": "danger", "undecided": "warning"}  # colour names of the book's theme
MARKS = {"holds": "✓", "fails": "✗", "undecided": "?"}
Defaults = Mapping[tuple[str, str], Claim]  # by id and scale


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
        scales = [scale for scale in SCALES if any(claim.scale == scale for claim in self.claims)]
        head = "".join(f"<th>{name}</th>" for name in ("claim", *(f"{scale} scale" for scale in scales)))
        # The theme gives tables of class dataframe its own colours, in light and in dark mode.
        return (
            f'<div style="overflow-x:auto" tabindex="0"><table class="{self.kind}">'
            f'<thead><tr style="text-align:left">{head}</tr></thead>'
            f"{self._bodies(scales, defaults)}</table></div>"
        )

    kind = "dataframe claims"

    def _bodies(self, scales: Sequence[str], defaults: Defaults) -> str:
        return f"<tbody>{_rows(self.claims, scales, defaults)}</tbody>"

    def _repr_mimebundle_(self, include=None, exclude=None) -> tuple[dict, dict]:
        """Text and html, and beside them the claims as data.

        They are metadata, because a page refuses outputs it cannot draw.
        """
        shown = {"text/plain": repr(self), "text/html": self._repr_html_()}
        return shown, {STORED: [to_json(claim) for claim in self.claims]}


@dataclass(frozen=True)
class Chapter:
    """A chapter as the scorecard shows it.

    name        of its notebook.
    claims      how many of the collected claims are its own.
    """

    name: str
    title: str
    claims: int


class Scorecard(Table):
    """The claims of all chapters, in their order, with a body of the table for each chapter."""

    kind = "dataframe claims scorecard"

    def __init__(self, claims: Iterable[Claim], chapters: Iterable[Chapter]):
        super().__init__(claims)
        self.chapters = tuple(chapters)

    def _bodies(self, scales: Sequence[str], defaults: Defaults) -> str:
        rest, bodies = list(self.claims), []
        for chapter in self.chapters:
            own, rest = rest[: chapter.claims], rest[chapter.claims :]
            link = f'<a href="{chapter.name}.html">{escape(chapter.title)}</a>'
            bodies.append(
                f'<tbody data-chapter="{escape(chapter.title)}"><tr class="chapter">'
                f'<th colspan="{1 + len(scales)}" scope="rowgroup">{link}</th></tr>'
                f"{_rows(own, scales, defaults, chapter.name)}</tbody>"
            )
        return "".join(bodies)

    def _repr_mimebundle_(self, include=None, exclude=None) -> tuple[dict, dict]:
        shown, stored = super()._repr_mimebundle_()
        return shown, stored | {CHAPTERS: [asdict(chapter) for chapter in self.chapters]}


def collect(folder: Path = Path(".")) -> Scorecard:
    """Every claim in the outputs of the executed chapters of a book's folder, in reading order.

    raises      ValueError when two chapters make the same claim at one scale.
    """
    claims: list[Claim] = []
    chapters = []
    for page in pages(Path(folder).resolve().parent):
        if page.stem not in COLLECT and (made := claims_in(notebook := glance(Path(folder) / page.name))):
            chapters.append(Chapter(page.stem, title(notebook) or page.stem, len(made)))
            claims += made
    return Scorecard(claims, chapters)


def title(notebook: Mapping) -> str:
    """The first heading of a notebook, empty without one."""
    texts = "\n".join(cell["source"] for cell in notebook["cells"] if cell["cell_type"] == "markdown")
    found = re.search(r"^# +(.+?) *$", texts, re.MULTILINE)
    return found[1] if found else ""


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
                claims, chapters = map(from_json, stored), output["metadata"].get(CHAPTERS)
                table = Scorecard(claims, (Chapter(**one) for one in chapters)) if chapters else Table(claims)
                output["data"]["text/html"] = table.html(standing)


def anchor(id: str) -> str:
    """Of a claim's row on its chapter's page."""
    return "claim-" + re.sub(r"[^\w-]", "-", id)


def chip(claim: Claim) -> str:
    """The verdict on the ground of its colour."""
    colour = (
        f"background:var(--pst-color-{COLOURS[claim.verdict]}-bg, transparent);"
        "color:var(--pst-color-text-base, inherit);white-space:nowrap"
    )
    return f'<b style="{colour};padding:0 .4em;border-radius:.3em">{MARKS[claim.verdict]} {claim.verdict}</b>'


def _rows(claims: Iterable[Claim], scales: Sequence[str], defaults: Defaults, chapter: str = "") -> str:
    rows: dict[str, dict[str, Claim]] = {}
    for claim in claims:
        rows.setdefault(claim.id, {})[claim.scale] = claim
    return "".join(_row(row, scales, defaults, chapter) for row in rows.values())


def _row(row: dict[str, Claim], scales: Sequence[str], defaults: Defaults, chapter: str) -> str:
    """One claim; it leads to its row on its chapter's page where that is another page."""
    one = next(iter(row.values()))
    changed = [f"changed after a look: {claim.changed}" for claim in row.values() if claim.changed]
    notes = dict.fromkeys(map(escape, [*(claim.note for claim in row.values() if claim.note), *changed]))
    place = f'<span class="{PLACE}">{escape(one.place)}</span>'  # which the rendered book makes a link
    name = escape(one.id)
    name = f'<a href="{chapter}.html#{escape(anchor(one.id))}">{name}</a>' if chapter else name
    small = "<br>".join([f"{place} · {name}", *notes])
    verdicts = " ".join(dict.fromkeys(claim.verdict for claim in row.values()))
    cells = [f"<td>{escape(one.sentence)}<br><small>{small}</small></td>"]
    for scale in scales:  # a card of a narrow window shows the name of a scale, and leaves out empty ones
        decided = row.get(scale) and _decision(row[scale], defaults.get((one.id, scale)))
        label = f' data-scale="{scale} scale"' if decided else ' class="none"'
        cells.append(f"<td{label}>{decided or '–'}</td>")
    return f'<tr id="{escape(anchor(one.id))}" data-verdicts="{verdicts}">{"".join(cells)}</tr>'


def _decision(claim: Claim, standing: Claim | None = None) -> str:
    published = "" if claim.published is None else f"published {short(claim.published)}"
    small = "<br>".join(map(escape, filter(None, (f"bar {claim.bar}", published, _refused(claim)))))
    beside = f"<br><small>at the defaults:</small> {_number(standing)}" if standing else ""
    return f"{_number(claim)}{beside}<br><small>{small}</small>"


def _number(claim: Claim) -> str:
    """Verdict and measurement, with the reason where it has no interval."""
    open_ends = not math.isnan(claim.value) and (math.isnan(claim.low) or math.isnan(claim.high))
    why = "<br><small>no interval: one seed, or a value at the end of its scale</small>" if open_ends else ""
    return f"{chip(claim)}<br>{claim.measured()}{why}"


def _refused(claim: Claim, floor: float = 0.0) -> str:
    """The wrong alternative with what it would measure; empty if a claim names none."""
    if claim.wrong is None:
        return ""
    verb = "refuses" if claim.refuses else "does not refuse"
    return f"{verb} {spelled(claim.wrong, floor)}: {claim.wrong.name}"
