"""No dead knob: every parameter of a chapter changes what runs, or a cell of its notebook uses it by name."""

import re
from pathlib import Path
from typing import get_args

import nbformat
import pytest

from ts_core.experiments import CHAPTERS
from ts_core.experiments.spec import SpecError
from ts_core.store import StoreError

BOOK = Path(__file__).parent.parent / "book"


def another(value, kind):
    if isinstance(value, str):
        return next((choice for choice in get_args(kind) if choice != value), None)
    return value[1:] if isinstance(value, tuple) else value / 2 if isinstance(value, float) else value // 2


@pytest.mark.parametrize("chapter, field", [(c, f) for c, spec in CHAPTERS.items() for f in spec.model_fields])
def test_every_parameter_is_used(chapter, field):
    spec = CHAPTERS[chapter]()
    runs = [name for name in ("l_shape", "sample_complexity", "live", "few") if hasattr(spec, name)]
    other = another(getattr(spec, field), type(spec).model_fields[field].annotation)
    moved = other is not None and type(spec)(**{**spec.model_dump(), field: other})
    cells = nbformat.read(BOOK / f"{chapter}.ipynb", as_version=4).cells
    code = "\n".join(c.source for c in cells if c.cell_type == "code" and "parameters" not in c.metadata.get("tags", []))
    by_name = re.search(rf"\b{field}\b", code) or (field == "results" and "spec.cells_folder" in code)
    assert by_name or any(getattr(moved, run)() != getattr(spec, run)() for run in runs)


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_every_parameter_says_what_it_is(chapter):
    for name, field in CHAPTERS[chapter].model_fields.items():
        assert field.description and len(field.description) > 10, name


def test_a_results_folder_that_cannot_be_written_is_refused_before_any_work(tmp_path):
    (tmp_path / "file").write_text("here")
    with pytest.raises(StoreError, match=str(tmp_path / "file")):
        CHAPTERS["two_layer_theorem"](results=str(tmp_path / "file"))


@pytest.mark.parametrize("values, message", [
    (dict(over_realizations=[0.5]), "over_realization must be at least 1 .*0.5"),
    (dict(batch_size=20_000), "batch_size: must not exceed the 10000 samples, got 20000"),
    (dict(sample_sizes=[8]), "batch_size: must not exceed the 8 samples"),
    (dict(success_threshold=1.0), "success_threshold: .*less than 1, got 1.0"),
    (dict(success_threshold=0.0), "success_threshold: .*greater than 0, got 0.0"),
    (dict(input_dim=0), "input_dim: .*greater than or equal to 1, got 0"),
    (dict(learning_rate="1e-2"), "learning_rate: .*got '1e-2'.*1.0e-2"),
    (dict(seeds=1.5), "seeds: .*got 1.5"),
    (dict(polarities=[]), "polarities: "),
    (dict(device="tpu"), "device: .*'auto'"),
    (dict(learning_rat=0.1), "learning_rat: unknown parameter; known are input_dim"),
])
def test_bad_values_are_refused_with_their_name_and_what_is_allowed(values, message):
    with pytest.raises(SpecError, match=message):
        CHAPTERS["two_layer_theorem"](**values)
