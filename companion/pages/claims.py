"""Claims: a sentence of the paper, a measured number with its interval over seeds, a bar, and the verdict.

Beside it stands what the same measurement gives where the sentence is wrong: a bar that lets that pass
decides nothing.
"""

import math
from dataclasses import asdict, dataclass, fields

SCALES = ("quick", "laptop", "paper")  # what the book trains, what two cores trained once, what the paper ran


@dataclass(frozen=True)
class Wrong:
    """What a claim would measure if it were wrong: curves swapped, an order shuffled, an untrained student.

    name        in words; value, low, high: as in a claim.
    """

    name: str
    value: float
    low: float
    high: float

    def __post_init__(self):
        plain(self, "value", "low", "high")


@dataclass(frozen=True, kw_only=True)
class Claim:
    """One sentence that a number decides.

    id          unique in the book, ``chapter/what``.
    place       label of the block of the book that says it (a theorem, an observation, …).
    value       the measurement; low, high: its interval over seeds, equal to value for an exact count.
    at_least    the bar, fixed before the run; give this or at_most, never both.
    wrong       the alternative that the bar must refuse.
    changed     what was changed after a look at the numbers (bar, number of seeds, sentence), if anything.
    scale       "paper" only where every number of it is the paper's (the precision, float32 here, is not
                counted), else "laptop"; "quick" in a live run.
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
    wrong: Wrong | None = None
    changed: str = ""
    scale: str = "quick"
    published: float | None = None
    note: str = ""

    def __post_init__(self):
        plain(self, "value", "low", "high", "at_least", "at_most", "published")
        bars = [bar for bar in (self.at_least, self.at_most) if bar is not None]
        if len(bars) != 1 or not math.isfinite(bars[0]):
            raise ValueError(
                f"{self.id}: give one finite bar, at_least or at_most; got {self.at_least} and {self.at_most}"
            )
        if self.scale not in SCALES:
            raise ValueError(f"{self.id}: scale must be one of {', '.join(SCALES)}, got {self.scale!r}")
        if self.low > self.value or self.value > self.high:
            raise ValueError(
                f"{self.id}: the interval [{self.low}, {self.high}] does not hold the value {self.value}"
            )

    @property
    def verdict(self) -> str:
        """``holds`` or ``fails`` when the whole interval lies on one side of the bar, else ``undecided``."""
        return self._decide(self)

    @property
    def refuses(self) -> bool:
        """Whether the wrong alternative fails, with its whole interval."""
        return self.wrong is not None and self._decide(self.wrong) == "fails"

    def _decide(self, found: "Claim | Wrong") -> str:
        """A missing measurement or interval end (NaN) could lie anywhere: undecided."""
        if any(map(math.isnan, (found.value, found.low, found.high))):
            return "undecided"
        if self.at_least is not None:
            right, other = found.low >= self.at_least, found.high < self.at_least
        else:
            assert self.at_most is not None  # there is exactly one bar
            right, other = found.high <= self.at_most, found.low > self.at_most
        return "holds" if right else "fails" if other else "undecided"

    @property
    def bar(self) -> str:
        return f"≥ {self.at_least:g}" if self.at_most is None else f"≤ {self.at_most:g}"

    def measured(self, floor: float = 0.0) -> str:
        """The number with its interval; sizes below floor are only said to be so."""
        return spelled(self, floor)


def plain(record: "Claim | Wrong", *names: str) -> None:
    """Zero-dimensional tensors and numpy scalars of a record become plain numbers."""
    for name in names:
        if getattr(record, name) is not None:
            object.__setattr__(record, name, float(getattr(record, name)))


def to_json(claim: Claim) -> dict:
    """Plain fields; NaN and infinities as text, which JSON does not have."""
    stored = asdict(claim)
    for record in filter(None, (stored, stored["wrong"])):
        record |= {k: str(v) for k, v in record.items() if isinstance(v, float) and not math.isfinite(v)}
    return stored | {"verdict": claim.verdict, "refuses": claim.refuses}


def from_json(stored: dict) -> Claim:
    """The claim that :func:`to_json` wrote."""
    known = {field.name: stored[field.name] for field in fields(Claim) if field.name in stored}
    return Claim(**known | {"wrong": Wrong(**stored["wrong"]) if stored.get("wrong") else None})


def spelled(found: Claim | Wrong, floor: float = 0.0) -> str:
    """A number with its interval, as a reader wants it."""
    value, low, high = (short(number, floor) for number in (found.value, found.low, found.high))
    return value if value == low == high else f"{value} [{low}, {high}]"


def short(number: float, floor: float = 0.0) -> str:
    """A number as a reader wants it: three digits.

    With a ``floor``, sizes below it are only said to be so, and others get five.
    """
    if math.isnan(number):
        return "–"
    if float(number).is_integer() and abs(number) < 1e6:  # counts
        return f"{number:.0f}"
    return f"< {floor:g}" if 0 < abs(number) < floor else f"{number:.5g}" if floor else f"{number:.3g}"
