"""No dead knob: every parameter of a chapter changes what runs, or a cell of its notebook uses it by name."""

import inspect
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, get_args

import pytest

from companion import chapters, project
from companion.pages import notebooks, request
from companion.pages.parameters import Parameters, check_defaults
from companion.runs.spec import SpecError
from companion.runs.store import StoreError

BOOK = Path(__file__).resolve().parents[2] / "book"
CHAPTERS = chapters.parameters()


def others(value, kind):
    """Values that a chapter might take instead, the most probable first."""
    if isinstance(value, str):
        return [choice for choice in get_args(kind) if choice != value]
    if isinstance(value, tuple):
        return [value[1:], *(tuple(x * 2 for x in value) for _ in value[:1] if not isinstance(value[0], str))]
    return [value / 2, value * 2] if isinstance(value, float) else [value // 2, value * 2]


def runs(spec: Parameters) -> Iterator[Callable[[], Any]]:
    """Methods of a chapter's parameters that say what runs: its own, public, callable without arguments."""
    own = {
        name: getattr(spec, name)
        for kind in type(spec).__mro__
        if kind.__module__.startswith("companion.chapters.")
        for name, value in vars(kind).items()
        if inspect.isfunction(value) and not name.startswith("_")
    }
    needed = lambda run: [p for p in inspect.signature(run).parameters.values() if p.default is p.empty]
    yield from (run for run in own.values() if not needed(run))


@cache
def code(chapter: str) -> str:
    """What a chapter's notebook does with its parameters."""
    cells = notebooks.glance(BOOK / f"{chapter}.ipynb")["cells"]
    cells = [
        cell for cell in cells if cell["cell_type"] == "code" and "parameters" not in notebooks.tags(cell)
    ]
    return "\n".join(cell["source"] for cell in cells)


def test_what_runs_is_found():
    names = {chapter: {run.__name__ for run in runs(kind())} for chapter, kind in CHAPTERS.items()}
    assert names["two_layer_theorem"] >= {"l_shape", "heat_map"}
    assert names["cifar10"] >= {"stages"} and all(names.values())


@pytest.mark.parametrize(
    "chapter, field", [(c, f) for c, kind in CHAPTERS.items() for f in kind.model_fields]
)
def test_every_parameter_is_used(chapter, field):
    spec = CHAPTERS[chapter]()
    moved = None
    for other in others(getattr(spec, field), type(spec).model_fields[field].annotation):
        with suppress(SpecError):  # a value that the chapter refuses says nothing
            moved = moved or type(spec)(**{**spec.model_dump(), field: other})
    by_name = re.search(rf"\b{field}\b", code(chapter))
    assert by_name or (
        moved and any(one() != changed() for one, changed in zip(runs(spec), runs(moved), strict=True))
    )


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_every_chapter_is_in_the_book_and_holds_its_defaults(chapter):
    assert chapter in {page.stem for page in project.book(CHAPTERS).pages()}
    check_defaults(BOOK / f"{chapter}.ipynb", CHAPTERS[chapter])


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_every_parameter_says_what_it_is(chapter):
    for name, field in CHAPTERS[chapter].model_fields.items():
        assert field.description and len(field.description) > 10, name


def test_a_results_folder_that_cannot_be_written_is_refused_before_any_work(tmp_path):
    (tmp_path / "file").write_text("here")
    with pytest.raises(StoreError, match=str(tmp_path / "file")):
        request.ask(project.book(CHAPTERS), "two_layer_theorem", results=tmp_path / "file")


@pytest.mark.parametrize(
    "values, message",
    [
        (dict(over_realizations=[0.5]), "over_realization must be at least 1 .*0.5"),
        (dict(batch_size=20_000), "batch_size: must not exceed the 10000 samples, got 20000"),
        (dict(success_threshold=1.0), "success_threshold: .*less than 1, got 1.0"),
        (dict(success_threshold=0.0), "success_threshold: .*greater than 0, got 0.0"),
        (dict(input_dim=0), "input_dim: .*greater than or equal to 1, got 0"),
        (dict(learning_rate="1e-2"), "learning_rate: .*got '1e-2'.*1.0e-2"),
        (dict(seeds=1.5), "seeds: .*got 1.5"),
        (dict(polarities=[]), "polarities: "),
        (dict(device="tpu"), "device: .*'auto'"),
        (dict(learning_rat=0.1), "learning_rat: unknown parameter; known are input_dim"),
    ],
)
def test_bad_values_are_refused_with_their_name_and_what_is_allowed(values, message):
    with pytest.raises(SpecError, match=message):
        CHAPTERS["two_layer_theorem"](**values)


def test_a_cell_that_cannot_be_run_is_refused_by_the_parameters():
    with pytest.raises(SpecError, match="batch_size: must not exceed the 8 samples"):
        CHAPTERS["finite_data"](sample_sizes=[8])
