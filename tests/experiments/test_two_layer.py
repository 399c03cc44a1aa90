"""The two-layer cell: no dead knob, paired tables, one row per observation."""

from typing import get_args

import numpy as np
import pytest
import torch

from companion.experiments.two_layer.run import run, start
from companion.experiments.two_layer.spec import TwoLayer
from companion.project import PROJECT
from companion.runs.identity import run_id
from companion.runs.spec import SpecError
from tests.tiny import TWO_LAYER
from ts_core.data import gaussian
from ts_core.networks import Network
from ts_core.streams import stream

BASE = TwoLayer(**TWO_LAYER, seeds=(1, 2), data="aware", dtype="float64")
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
    return BASE.run()


@pytest.mark.parametrize("field", TwoLayer.model_fields)
def test_every_field_of_a_cell_changes_its_id(field):
    assert run_id(PROJECT, changed(BASE, field)) != run_id(PROJECT, BASE)


@pytest.mark.parametrize("field", [field for field in TwoLayer.model_fields if field not in NO_NUMBERS])
def test_every_field_of_a_cell_changes_what_is_measured(field, base):
    before, after = numbers(base), numbers(changed(BASE, field).run())
    assert before.keys() != after.keys() or any(not before[name].equals(after[name]) for name in before)


def test_rerun_is_bit_equal(base):
    again = BASE.run()
    assert all(table.equals(again[name]) for name, table in base.items())


def test_a_seed_polarity_and_over_realization_do_not_depend_on_their_neighbours(base):
    one = {"seeds": (2,), "polarities": (1.0,), "over_realizations": (2.0,)}
    alone = TwoLayer(**{**BASE.model_dump(), **one}).run()
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
    assert (
        len(base["teachers"]) == len(runs) * 2 and not base["teachers"].duplicated([*KEYS, "teacher"]).any()
    )
    students = base["students"]
    assert set(students.epoch) == {2} and not students.duplicated([*KEYS, "student"]).any()
    assert students.groupby("over_realization").student.nunique().to_dict() == {1.0: 2, 2.0: 4}
    means = base["teachers"].groupby(KEYS).best_correlation.mean().reset_index()
    joined = runs.merge(means, on=KEYS, validate="one_to_one")
    assert np.abs(joined.mean_best_correlation - joined.best_correlation).max() < 1e-12


def test_pairs_hold_every_correlation():
    cell = TwoLayer(**{**BASE.model_dump(), "tables": ("pairs", "teachers")})
    tables = cell.run()
    keys = [*KEYS, "teacher"]
    # seeds, polarities, epochs, teachers x both widths
    assert len(tables["pairs"]) == 2 * 2 * 3 * 2 * (2 + 4)
    best = tables["pairs"].groupby(keys).correlation.max()
    assert (
        np.abs(best - tables["teachers"].set_index(keys).best_correlation.reindex(best.index)).max() < 1e-12
    )


def test_teacher_norms_decay_with_the_polarity(base):
    norms = (
        base["teachers"]
        .drop_duplicates(["seed", "polarity", "teacher"])
        .pivot_table("fan_out_norm", ["seed", "teacher"], "polarity")
    )
    ratio = (norms[1.0] / norms[0.0]).unstack("teacher")
    assert np.abs(ratio - [1, 1 / 2]).to_numpy().max() < 1e-12


def test_diverged_seeds_are_rows_with_a_status_and_leave_the_others():
    wild = {**BASE.model_dump(), "data": "random", "learning_rate": 0.3, "steps_per_epoch": 100}
    wild["seeds"] = tuple(range(1, 9))
    runs = TwoLayer(**wild).run()["runs"]
    last = runs[runs.epoch == 2]
    broken = sorted(last[last.status == "diverged"].seed.unique())
    assert 0 < len(broken) < 8  # some diverge, some do not
    finite = np.isfinite(runs.train_loss) & np.isfinite(runs.eval_loss)
    assert ((runs.status == "ok") == finite).all()
    calm = tuple(seed for seed in wild["seeds"] if seed not in broken)
    quiet = TwoLayer(**{**wild, "seeds": calm}).run()["runs"]
    kept = runs[runs.seed.isin(calm)]
    columns = ["train_loss", "eval_loss", "mean_best_correlation"]
    paired = kept.merge(quiet, on=KEYS, validate="one_to_one", suffixes=("", "_quiet"))
    assert len(paired) == len(quiet)
    for column in columns:
        np.testing.assert_allclose(paired[column], paired[f"{column}_quiet"], rtol=1e-6)


@pytest.mark.parametrize(
    "values, message",
    [
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
    ],
)
def test_what_cannot_be_run_is_refused_on_one_line(values, message):
    with pytest.raises(SpecError, match=message) as error:
        TwoLayer(**{**BASE.model_dump(), **values})
    assert "\n" not in str(error.value)


RANDOM = BASE.model_copy(update={"data": "random"})


def drawn(cell):
    """What a cell draws, by the names under which it can be given."""
    x_eval = gaussian(
        [stream(seed, "evaluation") for seed in cell.seeds], cell.eval_samples, cell.input_dim, cell.data_std
    )
    return dict(zip(("teacher", "students", "x"), start(cell)), x_eval=x_eval)


@pytest.mark.parametrize("cell", [RANDOM, BASE], ids=["random", "aware"])
def test_what_is_drawn_can_be_given(cell):
    tables, again = cell.run(), run(cell, **drawn(cell))
    assert all(table.equals(again[name]) for name, table in tables.items())


@pytest.mark.parametrize("name", ["teacher", "students", "x", "x_eval"])
def test_what_is_given_is_what_is_trained_or_measured(name):
    """Each part of another cell's draw changes the tables; all of them make it that cell."""
    other = RANDOM.model_copy(update={"seeds": (3, 4), "teacher_bias": 0.2})
    before, after = RANDOM.run(), run(RANDOM, **{name: drawn(other)[name]})
    assert any(not before[table].equals(after[table]) for table in before)
    trained = not before["students"].fan_out_norm.equals(after["students"].fan_out_norm)
    assert trained is (name != "x_eval")


def test_a_given_teacher_needs_no_shared_layer_and_no_unit_rows():
    teacher = start(RANDOM)[0]
    grown = Network((teacher.spread().weights[0] * 2, teacher.weights[1]))
    assert len(grown.weights[0]) == 4 and len(teacher.weights[0]) == 2
    runs = run(RANDOM, teacher=grown)["runs"]
    assert set(runs.status) == {"ok"} and not runs.eval_loss.equals(RANDOM.run()["runs"].eval_loss)


def test_drawn_inputs_are_aware_of_the_given_teacher():
    """On its planes, whatever the norm of its rows."""
    own, drawn_x = start(BASE)[0], start(BASE)[2]
    grown = Network((own.weights[0] * 3, own.weights[1]))
    np.testing.assert_allclose(start(BASE, teacher=grown)[2], drawn_x, rtol=0, atol=1e-12)
    turned = Network((own.weights[0].roll(1, 2), own.weights[1]))
    assert (start(BASE, teacher=turned)[2] - drawn_x).abs().max() > 0.1


def test_float32_and_weights_of_a_torch_module_are_welcome():
    cell = RANDOM.model_copy(update={"seeds": (1,), "polarities": (0.0,)})
    sizes = [(6, 2, 3), (6, 2, 3), (6, 4, 3)]
    torch.manual_seed(0)
    modules = [
        torch.nn.Sequential(torch.nn.Linear(a, b), torch.nn.ReLU(), torch.nn.Linear(b, c))
        for a, b, c in sizes
    ]
    teacher, *students = map(Network.from_torch, modules)
    runs = run(cell, teacher=teacher, students=students)["runs"].query("epoch == 0")
    x = drawn(cell)["x_eval"][0].float()
    for module, loss in zip(modules[1:], runs.eval_loss):
        with torch.no_grad():
            assert loss == pytest.approx((module(x) - modules[0](x)).square().mean().item(), rel=1e-5)


def without_last(network: Network) -> Network:
    return Network(tuple(w[:-1] for w in network.weights))


@pytest.mark.parametrize(
    "cell, given, message",
    [
        (
            RANDOM,
            lambda own: {"teacher": own["students"][1]},
            r"teacher: need layers of \(6, 2, 3\) nodes.*got \(6, 4, 3\)",
        ),
        (RANDOM, lambda own: {"teacher": own["teacher"].spread(8)}, r"teacher: need 4 members, got 8"),
        (
            RANDOM,
            lambda own: {"teacher": Network((own["teacher"].weights[0][:1], own["teacher"].weights[1]))},
            r"teacher: .*2 or more members in every layer, got \[1, 4\]",
        ),
        (RANDOM, lambda own: {"students": own["students"][:1]}, "students: .*per over-realization, 2, got 1"),
        (
            RANDOM,
            lambda own: {"students": own["students"][::-1]},
            r"students\[0\]: .*\(6, 2, 3\).*\(6, 4, 3\)",
        ),
        (
            RANDOM,
            lambda own: {"students": [own["students"][0], without_last(own["students"][1])]},
            r"students\[1\]: need 4 members, got 3; Network.spread\(4\)",
        ),
        (RANDOM, lambda own: {"x": own["x"][:, 1:]}, r"x: .*\(2, 40, 6\).*got \(2, 39, 6\)"),
        (RANDOM, lambda own: {"x": own["x"] / 0}, "x: inputs must be finite, got 480 that are not"),
        (RANDOM, lambda own: {"x_eval": own["x"]}, r"x_eval: .*\(2, 50, 6\).*got \(2, 40, 6\)"),
        (
            BASE,
            lambda own: {"teacher": own["teacher"].spread()},
            "teacher: aware inputs need one first layer per seed, 2, .*got 4",
        ),
    ],
)
def test_what_does_not_fit_the_cell_is_refused(cell, given, message):
    with pytest.raises(ValueError, match=message):
        run(cell, **given(drawn(cell)))
