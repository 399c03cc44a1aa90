"""Settings: frozen, complete, refused before any work when wrong.

A cell is what one process computes and keeps.
"""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

if TYPE_CHECKING:
    import pandas as pd  # slow to import, and settings hold no tables

Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]
Fraction = Annotated[float, Field(gt=0, lt=1)]
# lists too: notebooks and YAML have no tuples
Floats = Annotated[tuple[float, ...], Field(strict=False, min_length=1)]
Ints = Annotated[tuple[int, ...], Field(strict=False, min_length=1)]

Tables = dict[str, "pd.DataFrame"]
Record = TypeVar("Record", bound="Spec")


class SpecError(ValueError):
    """Settings that cannot be run; one line names each field, its value and what is allowed."""


class Spec(BaseModel):
    """Base of all settings records: frozen, strict about types, no unknown fields.

    raises      SpecError, never pydantic's own multi-line error.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, use_attribute_docstrings=True, allow_inf_nan=False
    )

    def __init__(self, **values):
        try:
            super().__init__(**values)
        except ValidationError as error:
            problems = [problem for problem in error.errors() if not _follows(problem)]
            raise SpecError("; ".join(map(self._line, problems))) from None

    def into(self, other: type[Record], **changes: Any) -> Record:
        """A record of another type with this one's values for fields of the same name; ``changes`` win."""
        shared = {name: getattr(self, name) for name in type(self).model_fields if name in other.model_fields}
        return other(**shared | changes)

    @classmethod
    def _line(cls, problem: dict) -> str:
        name = ".".join(map(str, problem["loc"]))
        if problem["type"] == "extra_forbidden":
            return f"{name}: unknown parameter; known are {', '.join(cls.model_fields)}"
        reason = problem["msg"].removeprefix("Value error, ").removeprefix("Input ")
        value = "" if problem["type"] in ("missing", "value_error") else f", got {problem['input']!r}"
        hint = " (in YAML write 1.0e-2, not 1e-2)" if _looks_numeric(problem) else ""
        return f"{name}: {reason}{value}{hint}" if name else f"{reason}{value}"


def _follows(problem: dict) -> bool:
    """Whether a list is too short only because its bad items, which are named too, were left out."""
    return problem["type"] == "too_short" and problem["ctx"]["actual_length"] < len(problem["input"])


def _looks_numeric(problem: dict) -> bool:
    """Whether a number arrived as text, as 1e-2 does from YAML 1.1."""
    if not isinstance(problem["input"], str):
        return False
    try:
        float(problem["input"])
    except ValueError:
        return False
    return True


class Cell(Spec, ABC):
    """Settings of what one process computes in one go.

    Its tables are kept under an id of all fields and the code. The settings of a GPU experiment name it in a
    field ``device``.
    """

    @abstractmethod
    def run(self, *earlier: Tables) -> Tables:
        """Compute the tables, one row per observation.

        It imports what it computes with, so that settings load at once.

        earlier     the tables of the stages before, for a cell of a later stage; its id depends on the ids of
                    the runs that made them.
        """

    @property
    def work(self) -> float:
        """Rough cost, relative to the other cells of its sweep."""
        return 1.0


class SweepSpec(Spec, ABC):
    """Settings of a sweep at one scale."""

    @abstractmethod
    def stages(self, data: Path | None = None) -> list[list[Cell]]:
        """Cells, the longest first; those of a later stage get the tables of the earlier ones.

        data        folder of input data, for a sweep that reads any.
        raises      SpecError if a cell cannot be run.
        """

    def check(self, data: Path | None) -> None:
        """Raise an error for what only this machine can tell, before any work.

        ``data`` is as in :meth:`stages`.
        """


class Grid(SweepSpec):
    """A sweep of one stage."""

    @abstractmethod
    def cells(self) -> list[Cell]:
        """Cells of this sweep, the longest first; raises SpecError if any of them cannot be run."""

    def stages(self, data: Path | None = None) -> list[list[Cell]]:
        return [self.cells()]
