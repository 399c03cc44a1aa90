"""Deep teachers and students: every piece against a plain float64 implementation of its definition."""

import numpy as np
import pytest
import torch

from companion.experiments.multi_layer.run import run, start
from companion.experiments.multi_layer.spec import MultiLayer
from companion.runs.spec import SpecError
from ts_core.losses import LOSSES
from ts_core.metrics import evaluate
from ts_core.networks import Network, forward
from ts_core.streams import stream
from ts_core.training.batches import shuffled
from ts_core.training.sgd import train

SEEDS = (1, 2, 7)
TINY = dict(
    input_dim=6,
    hidden=(4, 5),
    outputs=3,
    seeds=SEEDS,
    samples=70,
    batch_size=8,
    epochs=3,
    snapshots=(0, 1, 3),
    data_std=1.0,
    tuning_samples=200,
    eval_samples=150,
    beta_samples=50,
    dtype="float64",
    learning_rates=((0, 0.2), (2, 0.1)),
)


def streams(purpose):
    return [stream(seed, purpose) for seed in SEEDS]


def plain_forward(weights, x, slope=0.0):
    """Activations of every layer of one network; rows of ``weights`` are units, the last column the bias."""
    f = [x]
    for layer, w in enumerate(weights, start=1):
        z = f[-1] @ w[:, :-1].T + w[:, -1]
        f.append(z if layer == len(weights) else np.where(z > 0, z, slope * z))
    return f[1:]


def member(network, i):
    return [w[i].numpy() for w in network.weights]


@pytest.mark.parametrize("loss", ["mse", "cross_entropy"])
def test_training_follows_a_plain_torch_loop(loss):
    """torch's own layers, losses and SGD, network by network; a piecewise constant rate, shuffled epochs."""
    cell = MultiLayer(**TINY, loss=loss, over_realization=2)
    teacher, student, x, _ = start(cell)
    seen = {}
    scale = 2 / cell.outputs if loss == "mse" else 1
    train(
        teacher,
        [student],
        shuffled(x, streams("batches"), 8),
        loss=LOSSES[loss],
        learning_rate=[(0, 0.2 * scale), (16, 0.1 * scale)],
        snapshots=[0, 10, 24],
        on_snapshot=lambda step, now: seen.update({step: now[0]}),
    )
    assert list(seen) == [0, 10, 24]
    for i, seed in enumerate(SEEDS):
        layers = [torch.nn.Linear(w.shape[2] - 1, w.shape[1], dtype=torch.float64) for w in student.weights]
        with torch.no_grad():
            for layer, w in zip(layers, student.weights):
                layer.weight.copy_(w[i, :, :-1]), layer.bias.copy_(w[i, :, -1])
        optimizer = torch.optim.SGD([p for layer in layers for p in layer.parameters()], lr=0.2)
        order = stream(seed, "batches")
        for epoch in range(3):
            optimizer.param_groups[0]["lr"] = 0.2 if epoch < 2 else 0.1
            for batch in np.array_split(order.permutation(70)[:64], 8):
                f = x[i, batch]
                target = torch.from_numpy(plain_forward(member(teacher, i), f.numpy())[-1])
                for layer in layers[:-1]:
                    f = layer(f).relu()
                f = layers[-1](f)
                value = (
                    torch.nn.MSELoss()(f, target)
                    if loss == "mse"
                    else torch.nn.CrossEntropyLoss()(f, target.argmax(1))
                )
                optimizer.zero_grad(), value.backward(), optimizer.step()
        for layer, before, after in zip(layers, student.weights, seen[24].weights):
            # it has moved, so agreement means something
            assert (layer.weight - before[i, :, :-1]).abs().max() > 0.01
            assert torch.allclose(layer.weight, after[i, :, :-1], rtol=0, atol=1e-12)
            assert torch.allclose(layer.bias, after[i, :, -1], rtol=0, atol=1e-12)


@pytest.mark.parametrize("loss", ["mse", "cross_entropy"])
def test_the_reported_loss_is_torchs(loss):
    teacher, student, x, _ = start(MultiLayer(**TINY))
    f_t, f = forward(teacher, x)[1][-1], forward(student, x)[1][-1]
    for i, value in enumerate(evaluate(teacher, [student], x, chunk=33, loss=LOSSES[loss])[0].loss):
        theirs = (
            torch.nn.MSELoss()(f[i], f_t[i])
            if loss == "mse"
            else torch.nn.CrossEntropyLoss()(f[i], f_t[i].argmax(1))
        )
        assert value.item() == pytest.approx(theirs.item(), rel=1e-12)


def test_the_tables_say_what_numpy_says():
    cell = MultiLayer(**TINY, over_realization=2, tables=("runs", "layers", "students"))
    tables = cell.run()
    assert {name: len(table) for name, table in tables.items()} == {
        "runs": 9,
        "layers": 18,
        "students": 3 * 3 * (8 + 10),
    }
    teacher, student, _, x_eval = start(cell)
    for i, seed in enumerate(SEEDS):  # noqa: B007 (the queries name it)
        f_t, f = (plain_forward(member(net, i), x_eval[i].numpy()) for net in (teacher, student))
        row = tables["runs"].query("seed == @seed and epoch == 0").iloc[0]
        assert (
            row.eval_loss == pytest.approx(np.square(f_t[-1] - f[-1]).mean(), rel=1e-10)
            and row.status == "ok"
        )
        for layer in (1, 2):
            with np.errstate(invalid="ignore"):  # a silent node correlates 0, not 0 / 0
                rho = np.nan_to_num(np.corrcoef(f_t[layer - 1].T, f[layer - 1].T))[
                    : cell.hidden[layer - 1], cell.hidden[layer - 1] :
                ]
            row = tables["layers"].query("seed == @seed and epoch == 0 and layer == @layer").iloc[0]
            # a nearly silent node meets the floor
            assert row.mean_best_correlation == pytest.approx(rho.max(1).mean(), abs=1e-5)
            assert row.mean_best_teacher == pytest.approx(rho.max(0).mean(), abs=1e-5)
            nodes = tables["students"].query("seed == @seed and epoch == 0 and layer == @layer")
            np.testing.assert_allclose(nodes.best_correlation, rho.max(0), atol=1e-4)
            looked_at = f[layer - 1][: cell.beta_samples]
            np.testing.assert_allclose(nodes.output_std, looked_at.std(0, ddof=1), rtol=1e-10, atol=1e-12)
            if layer == 2:  # the highest hidden layer: beta is the fan-out's, and H counts it where f > 0
                fan_out = np.linalg.norm(student.weights[2][i, :, :-1].numpy(), axis=0)
                active = (looked_at > 0).mean(0)
                np.testing.assert_allclose(nodes.root_beta, fan_out, rtol=1e-10)
                np.testing.assert_allclose(nodes.root_h, fan_out * np.sqrt(active), rtol=1e-10, atol=1e-12)


def test_a_seed_alone_equals_itself_among_others():
    among, alone = (
        MultiLayer(**{**TINY, "seeds": seeds}).run()["layers"].query("seed == 2") for seeds in (SEEDS, (2,))
    )
    np.testing.assert_allclose(among.mean_best_correlation, alone.mean_best_correlation, rtol=0, atol=1e-10)


def test_tuning_on_the_evaluation_samples_is_another_teacher():
    own, leaky = (MultiLayer(**TINY, tuned_on=on).run()["runs"] for on in ("own", "evaluation"))
    assert (own.eval_loss != leaky.eval_loss).all() and set(leaky.tuned_on) == {"evaluation"}


def test_a_rate_too_large_is_flagged_per_member():
    wild = MultiLayer(**{**TINY, "learning_rates": ((0, 1e6),), "epochs": 30, "snapshots": (0, 30)})
    runs = wild.run()["runs"]
    assert set(runs[runs.epoch == 0].status) == {"ok"} and set(runs[runs.epoch == 30].status) == {"diverged"}


@pytest.mark.parametrize(
    "changed, message",
    [
        (dict(hidden=()), "hidden: .*at least 1 item"),
        (dict(hidden=(4, 0)), r"hidden\.1: .*greater than or equal to 1, got 0"),
        (dict(over_realization=0.5), "over_realization must be at least 1 .*0.5"),
        (dict(over_realization=1.3), "whole number of nodes; 1.3 times 4"),
        (dict(samples=7), "batch_size: must not exceed the 7 samples, got 8"),
        (dict(loss="cross_entropy", outputs=1), "outputs: cross_entropy .*at least 2, got 1"),
        (dict(loss="hinge"), "loss: .*'mse' or 'cross_entropy'.*got 'hinge'"),
        (dict(learning_rates=((1, 0.2),)), r"learning_rates: epochs must rise from 0, got \[1\]"),
        (dict(learning_rates=((0, -0.2),)), "learning_rates.*greater than 0, got -0.2"),
        (dict(slope=1.0), "slope: .*less than 1, got 1.0"),
        (dict(eval_samples=1), "eval_samples: .*greater than or equal to 2, got 1"),
        (dict(snapshots=(0, 2)), "snapshots: must end with the last epoch, 3"),
    ],
)
def test_what_cannot_be_run_is_refused(changed, message):
    with pytest.raises(SpecError, match=message):
        MultiLayer(**{**TINY, **changed})


GIVEN = ("teacher", "student", "x", "x_eval")


def test_what_is_drawn_can_be_given():
    cell = MultiLayer(**TINY, tables=("runs", "layers", "students"))
    tables, again = cell.run(), run(cell, **dict(zip(GIVEN, start(cell))))
    assert all(table.equals(again[name]) for name, table in tables.items())


@pytest.mark.parametrize("name", GIVEN)
def test_what_is_given_is_what_is_trained_or_measured(name):
    cell = MultiLayer(**TINY)
    other = dict(zip(GIVEN, start(cell.model_copy(update={"seeds": (3, 4, 5)}))))[name]
    before, after = cell.run(), run(cell, **{name: other})
    last = lambda tables: tables["runs"].query("epoch == 3").train_loss
    assert not before["layers"].equals(after["layers"])
    assert last(before).equals(last(after)) is (name == "x_eval")


def test_a_drawn_teacher_is_tuned_on_the_given_evaluation_samples():
    cell = MultiLayer(**TINY, tuned_on="evaluation")
    teacher, _, _, x_eval = start(cell, x_eval=start(cell)[3] + 1)
    for z in forward(teacher, x_eval)[0][:-1]:
        assert z.median(1).values.abs().max() < 1e-12


@pytest.mark.parametrize(
    "given, message",
    [
        (lambda own: {"teacher": own["student"]}, r"teacher: .*\(6, 4, 5, 3\).*got \(6, 8, 10, 3\)"),
        (
            lambda own: {"student": Network(tuple(w[:2] for w in own["student"].weights))},
            "student: need 3 members, got 2",
        ),
        (lambda own: {"x": own["x"][..., 1:]}, r"x: .*\(3, 70, 6\).*got \(3, 70, 5\)"),
        (lambda own: {"x_eval": own["x"]}, r"x_eval: .*\(3, 150, 6\).*got \(3, 70, 6\)"),
    ],
)
def test_what_does_not_fit_the_cell_is_refused(given, message):
    cell = MultiLayer(**TINY)
    with pytest.raises(ValueError, match=message):
        run(cell, **given(dict(zip(GIVEN, start(cell)))))
