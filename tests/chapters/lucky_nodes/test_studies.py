"""The chapter's cells at small sizes: against plain loops, members alone, refusals."""

import math

import numpy as np
import pandas as pd
import pytest
import torch

from companion.chapters.lucky_nodes import decay, luck, regularization
from companion.chapters.lucky_nodes.parameters import Parameters
from companion.chapters.lucky_nodes.studies import (
    Decay,
    Frozen,
    Luck,
    Matched,
    Overlapping,
    Projection,
    Relation,
    RichGetRicher,
    Width,
)
from companion.runs.spec import SpecError
from ts_core.gradients import weight_gradients
from ts_core.networks import Network, forward

DEEP = dict(
    input_dim=4,
    hidden=(3, 4),
    outputs=3,
    over_realization=2.0,
    seeds=(1, 5),
    samples=64,
    data_std=1.0,
    batch_size=8,
    epochs=2,
    looks=(0, 1),
    eval_samples=(40, 90),
    dtype="float64",
    tickets=True,
)
SMALL = dict(input_dim=4, teacher_width=3, outputs=5, seeds=(1, 7), steps=12, looks=(0, 5), dtype="float64")


def test_relation_is_exact_and_its_shortcuts_are_not():
    found = Relation(depths=(2, 3), widths=(4,), seeds=3, samples=200).run()
    exact, separation = found["exact"], found["separation"]
    assert len(exact) == len(separation) == 2 * 3 * (2 + 3) and (exact.max_error < 1e-12).all()
    dropped = exact.groupby(["bias", "depth", "seed"]).max_cropped.max()
    assert (dropped[0.0] < 1e-12).all() and (dropped[0.5] > 1e-2).all()
    top = separation.layer == separation.depth
    assert np.allclose(separation[top].cosine, 1) and (separation[~top].relative_error > 1e-3).all()


def test_matched_trials_are_paths_that_end():
    found = Matched(couplings=(0.01, 0.3), trials=3, horizon=40.0).run()
    trials = found["trials"].set_index(["coupling", "trial"])
    assert (trials.gamma[0.01] > 0).all() and (trials.gamma[0.3] < 0).all()
    assert (trials.violated == 0).all() and trials.loose.sum() > 0 and (trials.late == 0).all()
    assert (trials.end < trials.start).all() and (trials.checked == 41).all()
    bounds = found["paths"].groupby("coupling").bound
    assert bounds.count()[0.3] == 0 and bounds.count()[0.01] == 3 * 41


def test_nodes_that_do_not_overlap_turn_as_if_alone():
    cell = Overlapping(couplings=(0.0, 0.15), thresholds=(0.0, 1.5), trials=4)
    rates = cell.run()["rates"].pivot(index=["coupling", "trial"], columns="overlap", values="rate")
    assert np.allclose(rates.columns, [0.0668072**2, 0.25])  # of orthogonal nodes: squares of the shares
    assert np.allclose(rates.loc[0.0], 1, atol=0.02)
    assert (rates.loc[0.15, 0.25] < rates.loc[0.15].iloc[:, 0]).all() and rates.max(axis=None) < 1.05
    assert cell.into(Overlapping, horizon=5.0).run()["rates"].rate.isna().any()  # not small so soon


def test_measured_rates_lie_around_the_formula():
    rates = RichGetRicher(angles=5, seeds=4, samples=2000, input_dim=6).run()["rates"]
    by_angle = rates.groupby("angle")[["rate", "expected"]].mean()
    assert np.allclose(by_angle.rate, by_angle.expected, atol=0.02)
    assert (rates.angle > 0).all() and rates.angle.max() < math.pi


def test_frozen_fan_outs_vanish_but_for_duplicates():
    cell = Frozen(seeds=2, steps=600, look=300, learning_rate=0.1, others=4, samples=500)
    table = cell.run()["fan_outs"].set_index(["case", "time"])
    norm = table.loc["distinct"].norm.groupby("time").mean()
    assert norm[60.0] < 0.5 * norm[0.0]
    kept = table.loc["duplicates"].duplicate.groupby("time").mean()
    assert kept[60.0] > 0.3 * kept[0.0]
    assert np.allclose(table.norm, table.closed, rtol=0.1, atol=0.05)


def test_normalization_leaves_nothing_along_what_it_does_not_see():
    leaks = Projection(seeds=3, eps=(0.0, 0.1)).run()["leaks"].set_index(["eps", "order"])
    exact, loose = leaks.loc[0.0].drop(columns="seed"), leaks.loc[0.1]
    assert (exact.loc["before ReLU"] < 1e-12).all(axis=None)
    assert (exact.loc["after ReLU"].drop(columns="along_w") < 1e-12).all(axis=None)
    assert (exact.loc["after ReLU"].along_w > 1e-3).all() and (loose.along_f > 1e-3).all()


def test_decay_follows_a_plain_loop():
    cell = Decay(**SMALL, gradient="exact", over_realization=2.0)
    teacher, student = decay.start(cell)
    assert all(w.norm(dim=2).sub(1).abs().max() < 1e-12 for net in (teacher, student) for w in net.weights)
    found = cell.run()["norms"]
    streams = decay.stream(7, "batches")
    drawn = streams.standard_normal((decay.BLOCK, cell.batch_size, cell.input_dim))
    own, taught = (Network(tuple(w[1:] for w in net.weights)) for net in (student, teacher))
    for step in range(12):
        moved = weight_gradients(taught, own, torch.from_numpy(drawn[step])[None])
        weights = [w - cell.learning_rate * g for w, g in zip(own.weights, moved)]
        own = Network(tuple(w / w.norm(dim=2, keepdim=True) for w in weights))
    norms = found.query("seed == 7 and step == 12").norm.to_numpy()
    np.testing.assert_allclose(norms, own.weights[1][0, :, :-1].norm(dim=0).numpy(), rtol=1e-10)


def test_a_start_near_the_teacher_is_as_published():
    """At iteration 0 the published panels show .606 and 1.043 for 2x and [1, 1]."""
    norms = Decay(steps=1, looks=(0,), seeds=tuple(range(1, 9))).run()["norms"]
    mean = norms[norms.step == 0].groupby("matched").norm.mean()
    assert mean[False] == pytest.approx(0.606, abs=0.02) and mean[True] == pytest.approx(1.043, abs=0.02)


@pytest.mark.parametrize("gradient", ["exact", "separated"])
def test_a_student_alone_is_that_of_the_ensemble(gradient):
    both, alone = (
        Decay(**SMALL | {"seeds": seeds}, gradient=gradient, start=()).run()["norms"]
        for seeds in ((1, 7), (7,))
    )
    np.testing.assert_allclose(both[both.seed == 7].norm, alone.norm, rtol=1e-9)


def test_deep_students_and_their_ranks():
    found = Luck(**DEEP).run()
    layers, ranks, best = found["layers"], found["ranks"], found["best"]
    assert sorted(layers.epoch.unique()) == [0, 1, 2] and layers.correlation.between(-1, 1).all()
    assert len(ranks) == 2 * 3 * 2 * 7 and ranks["rank"].between(0, 100).all()
    assert (ranks[ranks.epoch == 2]["rank"] == 0).all()  # the winner is the best in the end
    assert (best.groupby(["layer", "teacher"]).size() == 5).all() and set(best.seed) == {1}
    first = best[best.place == 1].set_index(["layer", "teacher"])["rank"]
    start = ranks.query("epoch == 0 and samples == 90 and seed == 1").set_index(["layer", "teacher"])["rank"]
    pd.testing.assert_series_equal(first.sort_index(), start.sort_index())


def test_fresh_data_and_other_starts_change_the_run():
    base = Luck(**DEEP | {"tickets": False})
    correlation = lambda cell: cell.run()["layers"].query("epoch == 2").correlation.to_numpy()
    plain = correlation(base)
    for change in ({"data": "fresh"}, {"start": "negated"}):
        assert not np.allclose(correlation(base.into(Luck, **change)), plain)


def test_the_start_with_the_teachers_signs():
    cell = Luck(**DEEP | {"over_realization": 1.0, "start": "same sign", "tickets": False})
    teacher, student, _ = luck.start(cell)
    _, drawn, _ = luck.start(cell.into(Luck, start="random"))
    for t, s, was in zip(teacher.weights, student.weights, drawn.weights):
        assert (t * s >= 0).all() and torch.equal(s.abs(), was.abs())


def test_a_ticket_is_the_network_of_its_nodes():
    cell = Luck(**DEEP)
    _, student, x = luck.start(cell)
    chosen = [torch.tensor([[5, 0, 2], [1, 3, 4]]), torch.tensor([[7, 6, 0, 1], [2, 3, 4, 5]])]
    small, full = luck._part(student, chosen), [w.clone() for w in student.weights]
    for member in range(2):
        for l, nodes in enumerate(chosen):
            others = sorted(set(range(full[l].shape[1])) - set(nodes[member].tolist()))
            full[l + 1][member][:, others] = 0  # a node whose fan-out is 0 does nothing
    torch.testing.assert_close(forward(small, x)[1][-1], forward(Network(tuple(full)), x)[1][-1])


def test_the_whole_student_as_a_ticket_is_the_whole_student():
    cell = Luck(**DEEP)
    _, student, x = luck.start(cell)
    everyone = [torch.arange(w.shape[1]).expand(2, -1) for w in student.weights[:-1]]
    torch.testing.assert_close(forward(luck._part(student, everyone), x)[1][-1], forward(student, x)[1][-1])


def test_used_width_by_hand():
    """Three nodes of variances 1, 1 and 0 on two samples; two of them copies of each other."""
    low = torch.tensor([[[1.0, 0], [1, 0], [0, 1]]], dtype=torch.float64)
    high = torch.tensor([[[1.0, 1, 5, 0]]], dtype=torch.float64)
    network, x = Network((low, high)), torch.tensor([[[0.0], [2.0]]], dtype=torch.float64)
    assert regularization.effective_width(network, x, 0.99).tolist() == [2]
    assert regularization.effective_width(network, x, 0.99, torch.tensor([[0, 0, 1]])).tolist() == [1]
    assert regularization.path_norm(network).item() == pytest.approx(2.0)


def test_a_large_start_is_ten_times_a_small_one():
    cells = [Width(start=start, steps=1, looks=(0,), seeds=(1,)) for start in ("small", "large")]
    small, large = (cell.run()["used"].query("step == 0").path_norm.to_numpy() for cell in cells)
    np.testing.assert_allclose(large, 100 * small, rtol=1e-4)


@pytest.mark.parametrize(
    "kind, change, words",
    [
        (Decay, {"start": (1.0,)}, "start: two parts of at least 0, or none, got \\[1.0\\]"),
        (Decay, {"looks": (0, 9999)}, "looks: must lie in 0..4000"),
        (Luck, {"start": "same sign"}, "start: same sign needs as many students as teachers, got 10x"),
        (Luck, {"looks": (1,)}, "0 among them, got \\[1\\]"),
        (Luck, {"tickets": True, "norm": "after"}, "tickets: only without normalization, got norm after"),
        (Luck, {"tickets": True, "looks": (0,)}, "tickets: need a look after epoch 1"),
        (Luck, {"batch_size": 200_000}, "batch_size: must not exceed the 100000 samples"),
        (Width, {"over_realizations": (1.1,)}, "1.1"),
        (Parameters, {"over_realization": 1.0}, "over_realization"),
        (Parameters, {"close": 1.0}, "close"),
        (Parameters, {"widths": (0.5,)}, "0.5"),
        (Parameters, {"batch_size": 10_000}, "batch_size: must not exceed the 6400 samples"),
    ],
)
def test_bad_values_are_refused_by_name(kind, change, words):
    with pytest.raises(SpecError, match=words):
        kind(**change)
