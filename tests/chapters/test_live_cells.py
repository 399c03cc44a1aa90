"""The cells that a notebook runs are those that its parameters name, so that several cores can share them."""

import ast
from contextlib import suppress

import pytest

from companion import chapters, place
from companion.pages import notebooks
from companion.pages.parameters import defaults
from companion.runs.spec import Cell, SpecError

CHAPTERS = chapters.parameters()


def asked(name: str, parameters) -> list:
    """The cells in the calls of ``page.run`` of a chapter's notebook, at its defaults; nothing is run."""
    notebook = notebooks.read(place.PACKAGE.parent / "book" / f"{name}.ipynb")
    sources = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    spec = parameters(
        **{key: tuple(v) if isinstance(v, list) else v for key, v in defaults(parameters).items()}
    )
    names = {**defaults(parameters), "spec": spec}
    found = []
    for statement in ast.parse("\n".join(sources)).body:
        calls = [node for node in ast.walk(statement) if isinstance(node, ast.Call)]
        for call in calls:
            if ast.unparse(call.func) == "page.run":
                found += eval(f"[{', '.join(map(ast.unparse, call.args))}]", names)
        if not any(name.id == "page" for name in ast.walk(statement) if isinstance(name, ast.Name)):
            with suppress(Exception):  # what stands on tables
                exec(ast.unparse(statement), names)
    return found


@pytest.mark.parametrize("name", CHAPTERS)
def test_a_page_runs_what_its_parameters_name(name):
    spec = CHAPTERS[name]()
    assert all(isinstance(cell, Cell) for cell in spec.live_cells())
    assert set(asked(name, CHAPTERS[name])) == set(spec.live_cells())
    assert len(set(spec.live_cells())) == len(spec.live_cells())


def test_chapters_are_found():
    assert sum(len(parameters().live_cells()) > 3 for parameters in CHAPTERS.values()) >= 3


LARGER = (
    *("seeds", "starts", "steps", "epochs", "samples", "images", "hidden", "input_dim", "teacher_width"),
    *("teachers", "horizon", "over_realization"),
)


def doubled(cell: Cell, name: str) -> Cell | None:
    """The cell with twice of something; None where it has none, or cannot have more of that alone."""
    value = getattr(cell, name, None)
    if isinstance(value, tuple):
        changed = (*value, *(max(value) + 1 + i for i in range(len(value)))) if name == "seeds" else None
        changed = changed or tuple(2 * one for one in value)
    else:
        changed = 2 * value if isinstance(value, (int, float)) else None
    try:
        return changed and type(cell)(
            **{own: getattr(cell, own) for own in type(cell).model_fields} | {name: changed}
        )
    except SpecError:
        return None


CELLS = {type(cell): cell for parameters in CHAPTERS.values() for cell in parameters().live_cells()}
DECLARED = [cell for what, cell in CELLS.items() if what.work is not Cell.work]


@pytest.mark.parametrize("cell", DECLARED, ids=lambda cell: type(cell).__name__)
def test_more_to_do_is_declared_as_more_work(cell):
    more = {name: other.work / cell.work for name in LARGER if (other := doubled(cell, name))}
    assert more and all(ratio >= 1 for ratio in more.values()) and max(more.values()) > 1.3, more
