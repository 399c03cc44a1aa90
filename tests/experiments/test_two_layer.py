"""The two-layer cell: no dead knob, paired tables, one row per observation."""

from typing import get_args

import numpy as np
import pytest

from gated import TINY
from ts_core.experiments import two_layer
from ts_core.experiments.fan_out import PAPER as FAN_OUT, FanOut
from ts_core.experiments.sample_complexity import PAPER as SAMPLE_COMPLEXITY, SampleComplexity
from companion.runs.spec import SpecError
from ts_core.training.device import device_of
from ts_core.experiments.two_layer import Cell, run
from ts_core.store import run_id

BASE = Cell(**TINY, seeds=(1, 2), data="aware", dtype="float64")
NO_NUMBERS = {"device": "a machine of the tests may have one kind of device only"}
KEYS = ["seed", "data", "samples", "teacher_width", "polarity", "over_realization", "epoch"]


def changed(spec, field):
    """The same settings with another value of one field, whatever its type."""
    value, kind = getattr(spec, field), type(spec).model_fields[field].annotation
    if isinstance(value, str):
        other = next(choice for choice in get_args(kind) if choice != value)
    elif isinstance(value, tuple):
        other = value[1:] if len(value) > 1 else (*value, value[0] + 1)
    else:
        other = 2 * value
    values = {**spec.model_dump(), field: other}
    if field == "epochs" and "snapshots" in values:
        values["snapshots"] = (*values["snapshots"], other)  # training is looked at when it ends
    return type(spec)(**values)


def numbers(tables):
    """What was measured, without the columns that repeat the settings."""
    return {name: table.drop(columns=KEYS) for name, table in tables.items()}


@pytest.fixture(scope="module")
def base():
    return run(BASE)


@pytest.mark.parametrize("field", Cell.model_fields)
def test_every_field_of_a_cell_changes_its_id(field):
    assert run_id(run, changed(BASE, field)) != run_id(run, BASE)


@pytest.mark.parametrize("field", [field for field in Cell.model_fields if field not in NO_NUMBERS])
def test_every_field_of_a_cell_changes_what_is_measured(field, base):
    before, after = numbers(base), numbers(run(changed(BASE, field)))
    assert before.keys() != after.keys() or any(not before[name].equals(after[name]) for name in before)


@pytest.mark.parametrize("sweep, field", [
    (sweep, field) for sweep in (FanOut(), SampleComplexity(samples=(60, 120))) for field in type(sweep).model_fields
], ids=lambda value: value if isinstance(value, str) else type(value).__name__)
def test_every_field_of_a_sweep_changes_its_cells(sweep, field):
    ids = lambda sweep: [run_id(run, cell) for cell in sweep.cells()]  # noqa: E731
    assert ids(changed(sweep, field)) != ids(sweep)


def test_rerun_is_bit_equal(base):
    again = run(BASE)
    assert all(table.equals(again[name]) for name, table in base.items())


def test_a_seed_polarity_and_over_realization_do_not_depend_on_their_neighbours(base):
    alone = run(Cell(**{**BASE.model_dump(), "seeds": (2,), "polarities": (1.0,), "over_realizations": (2.0,)}))
    for name, table in base.items():
        same = table.query("seed == 2 and polarity == 1 and over_realization == 2").reset_index(drop=True)
        for column in same:
            if same[column].dtype == float:
                assert np.abs(same[column] - alone[name][column]).max() < 1e-12
            else:
                assert (same[column] == alone[name][column]).all()


def test_one_row_per_observation(base):
    runs, members = base["runs"], 2 * 2 * 2  # seeds, polarities, over-realizations
    assert len(runs) == members * 3 and not runs.duplicated(KEYS).any() and set(runs.status) == {"ok"}
    assert len(base["teachers"]) == len(runs) * 2 and not base["teachers"].duplicated([*KEYS, "teacher"]).any()
    students = base["students"]
    assert set(students.epoch) == {2} and not students.duplicated([*KEYS, "student"]).any()
    assert students.groupby("over_realization").student.nunique().to_dict() == {1.0: 2, 2.0: 4}
    means = base["teachers"].groupby(KEYS).best_correlation.mean().reset_index()
    joined = runs.merge(means, on=KEYS, validate="one_to_one")
    assert np.abs(joined.mean_best_correlation - joined.best_correlation).max() < 1e-12


def test_pairs_hold_every_correlation():
    cell = Cell(**{**BASE.model_dump(), "tables": ("pairs", "teachers")})
    tables = run(cell)
    keys = [*KEYS, "teacher"]
    assert len(tables["pairs"]) == 2 * 2 * 3 * 2 * (2 + 4)  # seeds, polarities, epochs, teachers x both widths
    best = tables["pairs"].groupby(keys).correlation.max()
    assert np.abs(best - tables["teachers"].set_index(keys).best_correlation.reindex(best.index)).max() < 1e-12


def test_teacher_norms_decay_with_the_polarity(base):
    norms = base["teachers"].drop_duplicates(["seed", "polarity", "teacher"]).pivot_table(
        "fan_out_norm", ["seed", "teacher"], "polarity"
    )
    ratio = (norms[1.0] / norms[0.0]).unstack("teacher")
    assert np.abs(ratio - [1, 1 / 2]).to_numpy().max() < 1e-12


def test_diverged_seeds_are_rows_with_a_status_and_leave_the_others():
    wild = {**BASE.model_dump(), "data": "random", "learning_rate": 0.3, "steps_per_epoch": 100}
    wild["seeds"] = tuple(range(1, 9))
    runs = run(Cell(**wild))["runs"]
    last = runs[runs.epoch == 2]
    broken = sorted(last[last.status == "diverged"].seed.unique())
    assert 0 < len(broken) < 8  # some diverge, some do not
    finite = np.isfinite(runs.train_loss) & np.isfinite(runs.eval_loss)
    assert ((runs.status == "ok") == finite).all()
    calm = tuple(seed for seed in wild["seeds"] if seed not in broken)
    quiet = run(Cell(**{**wild, "seeds": calm}))["runs"]
    kept = runs[runs.seed.isin(calm)]
    columns = ["train_loss", "eval_loss", "mean_best_correlation"]
    paired = kept.merge(quiet, on=KEYS, validate="one_to_one", suffixes=("", "_quiet"))
    assert len(paired) == len(quiet)
    for column in columns:
        np.testing.assert_allclose(paired[column], paired[f"{column}_quiet"], rtol=1e-6)


@pytest.mark.parametrize("values, message", [
    (dict(epochs=1), r"snapshots: must end with the last epoch, 1, got \[0, 1, 2\]"),
    (dict(batch_size=41), "batch_size: must not exceed the 40 samples, got 41"),
    (dict(over_realizations=(0.5,)), "over_realization must be at least 1"),
    (dict(over_realizations=(1.25,)), "a whole number of nodes"),
    (dict(seeds=(1, 1)), r"seeds: values must differ, got \[1, 1\]"),
    (dict(seeds=(-1,)), "seeds.0: .*greater than or equal to 0, got -1"),
    (dict(learning_rate="1e-2"), "learning_rate: .*1.0e-2"),
    (dict(input_dim=0), "input_dim: .*got 0"),
    (dict(rate=1.0), "rate: unknown parameter"),
    (dict(data="both"), "data: .*'random' or 'aware'"),
])
def test_what_cannot_be_run_is_refused_on_one_line(values, message):
    with pytest.raises(SpecError, match=message) as error:
        Cell(**{**BASE.model_dump(), **values})
    assert "\n" not in str(error.value)


def test_paper_scale_is_the_papers_grid():
    cells = FAN_OUT.cells()
    networks = [len(c.seeds) * len(c.polarities) * len(c.over_realizations) for c in cells]
    assert sum(networks) == 4 * 3 * 6 * 32
    assert sum(n * c.epochs * c.steps_per_epoch for n, c in zip(networks, cells)) == 230_400_000
    shared = {(c.input_dim, c.outputs, c.samples, c.batch_size, c.learning_rate) for c in cells}
    assert shared == {(100, 50, 10_000, 16, 0.01)}
    growing = SAMPLE_COMPLEXITY.cells()
    assert {c.data for c in growing} == {"aware", "random"} and {len(c.seeds) for c in growing} == {32}
    assert {(c.teacher_width, c.polarities, c.epochs, c.steps_per_epoch) for c in growing} == {(5, (1.0,), 20, 5000)}


def test_unknown_gpu_is_refused():
    if two_layer.torch.cuda.is_available():
        assert device_of("cuda").type == "cuda"
    else:
        with pytest.raises(ValueError, match="device = 'cuda'.*'cpu'"):
            device_of("cuda")
