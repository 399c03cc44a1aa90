"""What a refusal allows is accepted: bounds of all chapters, found by trying. No list says a thing twice."""

import re

import pytest

from companion import chapters
from companion.runs.spec import Spec, SpecError, SweepSpec

# what stands before the number: 'must not exceed the teacher's', 'must be at least widths[0] ='
WORDS = r"must (?:not exceed|be at most|be at least)(?: [a-z][\w\[\]']*| =)*"
BOUND = r"{field}: " + WORDS + r" (-?[\d,]*\.?\d+)(?![\w.]*\d)"


def records() -> dict[type[Spec], Spec]:
    """The first of every type: parameters of chapters, settings of sweeps, their cells."""
    found: dict[type[Spec], Spec] = {}
    for parameters in chapters.parameters().values():
        for record in (spec := parameters(), *spec.live_cells()):
            found.setdefault(type(record), record)
    for sweep in chapters.sweeps().values():
        quick = sweep.scales["quick"]
        for record in (quick, *(cell for cells in quick.stages() for cell in cells)):
            found.setdefault(type(record), record)
    return found


RECORDS = records()
PER_LAYER = {"hidden", "prune", "start", "widths"}  # lists with an entry per layer


def named(kind: type[Spec]) -> str:
    return f"{kind.__module__}.{kind.__name__}"


def refusal(record: Spec, field: str, value: float) -> str:
    try:
        type(record)(**{**dict(record), field: value})
    except SpecError as error:
        return str(error)
    return ""


def bounds(record: Spec) -> dict[tuple[str, float], bool]:
    """Fields and the bound that refusals of values far off lead to; whether itself it is within the bound."""
    found = {}
    for field in type(record).model_fields:
        usual = getattr(record, field)
        if isinstance(usual, bool) or not isinstance(usual, (int, float)):
            continue
        for far in (10**7, 1):
            value, named = type(usual)(far), None
            while said := re.search(BOUND.replace("{field}", field), refusal(record, field, value)):
                named = type(usual)(said[1].replace(",", ""))
                if named == value:
                    break
                value = named  # one bound may hide behind another
            if named is not None:
                found[field, named] = not said
    return found


@pytest.mark.parametrize(
    "kind", [kind for kind in RECORDS if not issubclass(kind, SweepSpec)], ids=named
)  # settings of a sweep make as many cells as they are asked for
def test_the_bound_that_a_refusal_names_is_accepted(kind):
    for (field, bound), accepted in bounds(RECORDS[kind]).items():
        assert accepted, f"{field} {bound}"


def test_bounds_are_found():
    found = bounds(RECORDS[chapters.parameters()["data_free"]])
    assert {("batch_size", 1297), ("calibration", 1297)} <= set(found)


@pytest.mark.parametrize("kind", RECORDS, ids=named)
def test_lists_have_no_value_twice_and_looks_are_in_order(kind):
    for field, value in RECORDS[kind]:
        if isinstance(value, tuple) and field not in PER_LAYER:
            assert len(set(value)) == len(value), field
            assert ("looks" not in field and field != "snapshots") or value == tuple(sorted(value)), field
