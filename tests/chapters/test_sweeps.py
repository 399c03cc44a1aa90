"""Every sweep of every chapter, found as the command line finds them: no dead knob."""

from contextlib import suppress
from typing import get_args

import pytest

from companion import chapters
from companion.datasets.cifar10 import DataError
from companion.project import PROJECT
from companion.runs.identity import run_id
from companion.runs.spec import Grid, SpecError

QUICK = {name: sweep.scales["quick"] for name, sweep in chapters.sweeps().items()}
GRIDS = {name: spec for name, spec in QUICK.items() if isinstance(spec, Grid)}


def changed(spec, field):
    """The same settings with another value of one field, whatever its type; the first that is accepted."""
    value, kind = getattr(spec, field), type(spec).model_fields[field].annotation
    if isinstance(value, str):
        others = [choice for choice in get_args(kind) if choice != value]
    elif isinstance(value, tuple):
        others = [value[1:] or (*value, 2 * value[0]), value[:-1]]
    else:
        others = [2 * value, value // 2, value / 2]
    for other in others:
        values = {**spec.model_dump(), field: other}
        if field == "epochs" and "snapshots" in values:
            values["snapshots"] = (*values["snapshots"], other)  # training is looked at when it ends
        with suppress(SpecError):
            found = type(spec)(**values)
            found.cells()
            return found
    raise AssertionError(f"no other value of {field} is accepted")


@pytest.mark.parametrize(
    "name, field", [(name, field) for name, spec in GRIDS.items() for field in type(spec).model_fields]
)
def test_every_field_of_a_sweep_changes_its_cells(name, field):
    ids = lambda sweep: [run_id(PROJECT, cell) for cell in sweep.cells()]
    assert ids(changed(GRIDS[name], field)) != ids(GRIDS[name])


@pytest.mark.parametrize("name", QUICK)
def test_the_longest_cells_of_a_sweep_come_first(name):
    """At every scale, for which there are thus cells; what else is last keeps all workers waiting."""
    for scale, spec in chapters.sweeps()[name].scales.items():
        with suppress(DataError):  # images that tests do not have
            for cells in spec.stages():
                work = [cell.work for cell in cells]
                assert work == sorted(work, reverse=True), scale


@pytest.mark.parametrize("name", GRIDS)
def test_a_sweep_has_each_of_its_seeds_once_from_the_first_on(name):
    """Whatever else its cells have, and however many of them share the seeds."""
    for spec in chapters.sweeps()[name].scales.values():
        seeds: dict[str, list[int]] = {}
        for cell in spec.cells():
            if isinstance(getattr(cell, "seeds", None), tuple):
                seeds.setdefault(cell.model_dump_json(exclude={"seeds"}), []).extend(cell.seeds)
        for found in seeds.values():
            asked = getattr(spec, "seeds", len(found))
            assert sorted(found) == [*range(1, asked + 1)] or (len(found) == 1 and not hasattr(spec, "seeds"))


def test_sweeps_are_found():
    assert GRIDS  # else the test above would try nothing
