"""What every experiment's settings have in common: frozen, complete, refused before any work when wrong."""

from typing import Annotated

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError

Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]
Fraction = Annotated[float, Field(gt=0, lt=1)]
Floats = Annotated[tuple[float, ...], Field(strict=False, min_length=1)]  # lists too: notebooks and YAML have no tuples
Ints = Annotated[tuple[int, ...], Field(strict=False, min_length=1)]


class SpecError(ValueError):
    """Settings that cannot be run; the message names each field, its value and what is allowed, on one line."""


class Spec(BaseModel):
    """Base of all settings records: frozen, strict about types, no unknown fields.

    raises      SpecError, never pydantic's own multi-line error.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, use_attribute_docstrings=True, allow_inf_nan=False)

    def __init__(self, **values):
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise SpecError("; ".join(map(self._line, error.errors()))) from None

    @classmethod
    def _line(cls, problem: dict) -> str:
        name = ".".join(map(str, problem["loc"]))
        if problem["type"] == "extra_forbidden":
            return f"{name}: unknown parameter; known are {', '.join(cls.model_fields)}"
        reason = problem["msg"].removeprefix("Value error, ").removeprefix("Input ")
        value = "" if problem["type"] in ("missing", "value_error") else f", got {problem['input']!r}"
        hint = " (in YAML write 1.0e-2, not 1e-2)" if _looks_numeric(problem) else ""
        return f"{name}: {reason}{value}{hint}" if name else f"{reason}{value}"


def _looks_numeric(problem: dict) -> bool:
    """Whether a number arrived as text, as 1e-2 does from YAML 1.1."""
    if not isinstance(problem["input"], str):
        return False
    try:
        float(problem["input"])
    except ValueError:
        return False
    return True


def device_of(name: str) -> torch.device:
    """``auto`` is the GPU if there is one; raises ValueError when ``cuda`` is asked for and missing."""
    if name == "cuda" and not torch.cuda.is_available():
        raise ValueError("device = 'cuda', but this machine has no usable GPU; use 'auto' or 'cpu'")
    return torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")
