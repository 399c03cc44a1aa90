"""Claims: a sentence of the paper, a measured number with an interval over seeds, a bar, and the verdict they give."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from html import escape
from pathlib import Path

import numpy as np

SCORECARD = "scorecard"  # the notebook that collects the claims of all others
STORED = "ts_core.claims"  # where an output keeps the claims it shows
SCALES = ("quick", "laptop", "paper")
COLOURS = {"holds": "success", "fails": "danger", "undecided": "warning"}  # colour names of the book's theme
MARKS = {"holds": "✓", "fails": "✗", "undecided": "?"}


@dataclass(frozen=True, kw_only=True)
class Claim:
    """One sentence that a number decides.

    id          unique in the book, ``chapter/what``; place: where the paper says it.
    value       the measurement; low, high: its interval over seeds, equal to value for an exact count.
    at_least    the bar, fixed before the run; give this or at_most, never both.
    published   the paper's own number, if it gives one.
    raises      ValueError when the bar, the scale or the interval makes no sense.
    """

    id: str
    place: str
    sentence: str
    value: float
    low: float
    high: float
    at_least: float | None = None
    at_most: float | None = None
    scale: str = "quick"
    published: float | None = None
    note: str = ""

    def __post_init__(self):
        for name in ("value", "low", "high", "at_least", "at_most", "published"):
            if getattr(self, name) is not None:  # zero-dimensional tensors and numpy scalars become plain numbers
                object.__setattr__(self, name, float(getattr(self, name)))
        bars = [bar for bar in (self.at_least, self.at_most) if bar is not None]
        if len(bars) != 1 or not math.isfinite(bars[0]):
            raise ValueError(f"{self.id}: give one finite bar, at_least or at_most; got {self.at_least} and {self.at_most}")
        if self.scale not in SCALES:
            raise ValueError(f"{self.id}: scale must be one of {', '.join(SCALES)}, got {self.scale!r}")
        if self.low > self.value or self.value > self.high:
            raise ValueError(f"{self.id}: the interval [{self.low}, {self.high}] does not hold the value {self.value}")

    @property
    def verdict(self) -> str:
        """``holds`` or ``fails`` when the whole interval lies on one side of the bar, else ``undecided``.

        A missing measurement or interval end (NaN) could lie anywhere: undecided.
        """
        if any(map(math.isnan, (self.value, self.low, self.high))):
            return "undecided"
        worst, best, bar = (self.low, self.high, self.at_least) if self.at_most is None else (-self.high, -self.low, -self.at_most)
        return "holds" if worst >= bar else "fails" if best < bar else "undecided"

    @property
    def bar(self) -> str:
        return f"≥ {self.at_least:g}" if self.at_most is None else f"≤ {self.at_most:g}"

    def measured(self, floor: float = 0.0) -> str:
        """The number with its interval; sizes below floor are only said to be so."""
        value, low, high = (_short(number, floor) for number in (self.value, self.low, self.high))
        return value if value == low == high else f"{value} [{low}, {high}]"


def count(number: int, **words) -> Claim:
    """A claim about an exact count, which has no interval."""
    return Claim(value=number, low=number, high=number, **words)


def interval(
    values: Sequence[float], statistic: Callable = np.mean, level: float = 0.95, seed: int = 0, resamples: int = 2000
) -> tuple[float, float, float]:
    """Statistic of one value per seed, with its percentile bootstrap interval: (value, low, high).

    statistic   takes an array and ``axis``, like ``np.mean``.
    returns     NaN for the ends with a single value, NaN throughout with none or with a NaN among them.
    raises      ValueError for a level outside (0, 1).
    """
    if not 0 < level < 1:
        raise ValueError(f"level must lie in (0, 1), got {level}")
    data = np.asarray(values, dtype=float).ravel()
    if not data.size or np.isnan(data).any():
        return math.nan, math.nan, math.nan
    value = float(statistic(data, axis=0))
    if data.size == 1:
        return value, math.nan, math.nan
    drawn = np.random.default_rng(seed).integers(0, data.size, (resamples, data.size))
    low, high = np.quantile(statistic(data[drawn], axis=1), [(1 - level) / 2, (1 + level) / 2])
    return value, min(float(low), value), max(float(high), value)


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
        """How many claims hold, fail and are undecided, in one line."""
        verdicts = [claim.verdict for claim in self.claims]
        return f"{len(verdicts)} claims: " + ", ".join(
            f"{verdicts.count(verdict)} {word}" for verdict, word in (("holds", "hold"), ("fails", "fail"), ("undecided", "undecided"))
        )

    def __repr__(self) -> str:
        """Only what is the same on every machine: below 1e-9 a number is rounding."""
        rows = [(c.id, c.scale, c.verdict, c.measured(floor=1e-9), c.bar) for c in self.claims]
        widths = [max(map(len, column)) for column in zip(*rows)]
        return "\n".join([*("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows), self.summary()])

    def _repr_html_(self) -> str:
        """One row per claim, one column per scale."""
        rows: dict[str, dict[str, Claim]] = {}
        for claim in self.claims:
            rows.setdefault(claim.id, {})[claim.scale] = claim
        scales = [scale for scale in SCALES if any(scale in row for row in rows.values())]
        head = "".join(f"<th>{name}</th>" for name in ("claim", *(f"{scale} scale" for scale in scales)))
        body = "".join(_row(row, scales) for row in rows.values())
        # The theme gives tables of class dataframe its own colours, in light and in dark mode.
        return (
            f'<div style="overflow-x:auto"><table class="dataframe claims"><thead><tr style="text-align:left">{head}</tr>'
            f"</thead><tbody>{body}</tbody></table></div>"
        )

    def _repr_mimebundle_(self, include=None, exclude=None) -> tuple[dict, dict]:
        """Text and html, and beside them the claims as data: metadata, because a page refuses outputs it cannot draw."""
        shown = {"text/plain": repr(self), "text/html": self._repr_html_()}
        return shown, {STORED: [_to_json(claim) for claim in self.claims]}


def table(claims: Iterable[Claim]) -> Table:
    """The claims of a chapter, as its last cell shows them.

    raises      ValueError when one claim appears twice at one scale.
    """
    return Table(claims)


def collect(folder: Path = Path(".")) -> Table:
    """Every claim stored in the outputs of the executed chapters of a folder, in the order of their file names.

    raises      ValueError when two chapters make the same claim at one scale.
    """
    import nbformat

    stored = []
    for path in sorted(path for path in Path(folder).glob("*.ipynb") if path.stem != SCORECARD):
        for cell in nbformat.read(path, as_version=4).cells:
            for output in cell.get("outputs", []):
                stored += output.get("metadata", {}).get(STORED, [])
    return Table(map(_from_json, stored))


def _short(number: float, floor: float = 0.0) -> str:
    if math.isnan(number):
        return "–"
    if float(number).is_integer() and abs(number) < 1e6:  # counts
        return f"{number:.0f}"
    return f"< {floor:g}" if 0 < abs(number) < floor else f"{number:.5g}" if floor else f"{number:.3g}"


def _row(row: dict[str, Claim], scales: Sequence[str]) -> str:
    one = next(iter(row.values()))
    notes = dict.fromkeys(escape(claim.note) for claim in row.values() if claim.note)
    small = "<br>".join([f"{escape(one.place)} · {escape(one.id)}", *notes])
    cells = (
        f"{escape(one.sentence)}<br><small>{small}</small>",
        *(_decision(row[scale]) if scale in row else "–" for scale in scales),
    )
    return "<tr>" + "".join(f'<td style="text-align:left">{cell}</td>' for cell in cells) + "</tr>"


def _decision(claim: Claim) -> str:
    colour = f"background:var(--pst-color-{COLOURS[claim.verdict]}-bg, transparent);color:var(--pst-color-text-base, inherit)"
    verdict = f'<b style="{colour};padding:0 .4em;border-radius:.3em">{MARKS[claim.verdict]} {claim.verdict}</b>'
    published = "" if claim.published is None else f"<br>published {_short(claim.published)}"
    return f'<span style="white-space:nowrap">{verdict}<br>{claim.measured()}<br><small>bar {claim.bar}{published}</small></span>'


def _to_json(claim: Claim) -> dict:
    """Plain fields; NaN and infinities as text, which JSON does not have."""
    plain = {k: str(v) if isinstance(v, float) and not math.isfinite(v) else v for k, v in asdict(claim).items()}
    return plain | {"verdict": claim.verdict}


def _from_json(stored: dict) -> Claim:
    return Claim(**{field.name: stored[field.name] for field in fields(Claim)})
