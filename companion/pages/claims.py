"""Claims: a sentence of the paper, a measured number with its interval over seeds, a bar, and the verdict."""

import math
from dataclasses import asdict, dataclass, fields

SCALES = ("quick", "laptop", "paper")


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
            # zero-dimensional tensors and numpy scalars become plain numbers
            if getattr(self, name) is not None:
                object.__setattr__(self, name, float(getattr(self, name)))
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
        """``holds`` or ``fails`` when the whole interval lies on one side of the bar, else ``undecided``.

        A missing measurement or interval end (NaN) could lie anywhere: undecided.
        """
        if any(map(math.isnan, (self.value, self.low, self.high))):
            return "undecided"
        if self.at_least is not None:
            return (
                "holds"
                if self.low >= self.at_least
                else "fails"
                if self.high < self.at_least
                else "undecided"
            )
        assert self.at_most is not None  # there is exactly one bar
        return "holds" if self.high <= self.at_most else "fails" if self.low > self.at_most else "undecided"

    @property
    def bar(self) -> str:
        return f"≥ {self.at_least:g}" if self.at_most is None else f"≤ {self.at_most:g}"

    def measured(self, floor: float = 0.0) -> str:
        """The number with its interval; sizes below floor are only said to be so."""
        value, low, high = (short(number, floor) for number in (self.value, self.low, self.high))
        return value if value == low == high else f"{value} [{low}, {high}]"


def count(number: float, **words) -> Claim:
    """A claim about an exact count, which has no interval."""
    return Claim(value=number, low=number, high=number, **words)


def to_json(claim: Claim) -> dict:
    """Plain fields; NaN and infinities as text, which JSON does not have."""
    plain = {
        k: str(v) if isinstance(v, float) and not math.isfinite(v) else v for k, v in asdict(claim).items()
    }
    return plain | {"verdict": claim.verdict}


def from_json(stored: dict) -> Claim:
    """The claim that :func:`to_json` wrote."""
    return Claim(**{field.name: stored[field.name] for field in fields(Claim)})


def short(number: float, floor: float = 0.0) -> str:
    """A number as a reader wants it: three digits.

    With a ``floor``, sizes below it are only said to be so, and others get five.
    """
    if math.isnan(number):
        return "–"
    if float(number).is_integer() and abs(number) < 1e6:  # counts
        return f"{number:.0f}"
    return f"< {floor:g}" if 0 < abs(number) < floor else f"{number:.5g}" if floor else f"{number:.3g}"
