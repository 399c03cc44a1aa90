"""Pruning and merging against plain loops, Gaussian samples and networks made of copies."""

from itertools import combinations

import numpy as np
import pytest
import torch

from companion.chapters.pruning import committee, kdpp, pruning
from companion.chapters.pruning.parameters import Parameters
from companion.chapters.pruning.pruning import Pair
from companion.chapters.pruning.studies import Pruned
from companion.runs.spec import SpecError

SEEDS = (1, 7)
SMALL = dict(input_dim=8, over_realization=2.0, seeds=SEEDS, batch_size=10, steps=60, draws=4)


def pair(n: int = 4, d: int = 6, members: int = 2) -> Pair:
    rng = np.random.default_rng(5)
    normal = lambda *shape: rng.standard_normal((members, *shape)) / 2
    return Pair(normal(n, d), normal(n), normal(2, d), normal(2))


def outputs(rows: np.ndarray, fan_out: np.ndarray, x: np.ndarray) -> np.ndarray:
    z = torch.from_numpy(x @ rows.T) / 2**0.5
    return z.erf().numpy() @ fan_out


def test_errors_are_those_of_samples():
    of, x = pair(), np.random.default_rng(0).standard_normal((400_000, 6))
    for e, found in enumerate(of.error(of.rows, of.fan_out)):
        f, f_t = outputs(of.rows[e], of.fan_out[e], x), outputs(of.rows_t[e], of.fan_out_t[e], x)
        assert found == pytest.approx(np.square(f - f_t).mean() / np.square(f_t).mean(), rel=0.02)
    assert np.allclose(of.error(of.rows_t, of.fan_out_t), 0, atol=1e-14)


def test_refitted_fan_outs_are_least_squares_and_copies_no_harm():
    of, x = pair(), np.random.default_rng(1).standard_normal((400_000, 6))
    kept = of.rows[:, :2]
    features = torch.from_numpy(x @ kept[0].T / 2**0.5).erf().numpy()
    expected = np.linalg.lstsq(features, outputs(of.rows[0], of.fan_out[0], x), rcond=None)[0]
    assert np.allclose(of.refitted(kept)[0], expected, atol=0.01)
    twice = of.refitted(of.rows[:, [0, 0, 1, 2, 3]])
    assert np.allclose(twice[:, 0], of.fan_out[:, 0] / 2) and np.allclose(twice[:, 2:], of.fan_out[:, 1:])


def test_means_over_subsets_are_plain_loops():
    of, k = pair(), 2
    found = {(name, again): error for name, again, error in pruning.nodes(of, k, SEEDS, 5)}
    for e in range(2):
        own = lambda s, e=e: committee.error(of.rows[e, s], of.fan_out[e, s], of.rows_t[e], of.fan_out_t[e])
        subsets = [list(s) for s in combinations(range(4), k)]
        errors = np.array([own(s) for s in subsets])
        minors = np.array([np.linalg.det(of.rows[e, s] @ of.rows[e, s].T) for s in subsets])
        assert found["uniform nodes", False][e] == pytest.approx(errors.mean())
        assert found["DPP nodes", False][e] == pytest.approx(minors @ errors / minors.sum())
        assert np.isclose(found["best nodes", False][e], errors).any()
        largest = np.argsort(-np.abs(of.fan_out[e]) * np.linalg.norm(of.rows[e], axis=1))[:k]
        assert found["important nodes", False][e] == pytest.approx(own(np.sort(largest)))
    to_itself = Pair(of.rows, of.fan_out, of.rows, of.fan_out)
    lost = {(name, again): error for name, again, error in pruning.nodes(to_itself, k, SEEDS, 5)}
    assert all((lost["best nodes", again] < lost["DPP nodes", again]).all() for again in (False, True))


def test_edges_keep_as_many_weights():
    of, seen = pair(), {}
    of_rows = lambda rows, fan_out: seen.setdefault(len(seen), rows) is None or np.zeros(rows.shape[:2])
    spy = Pair(of.rows, of.fan_out, of.rows_t, of.fan_out_t)
    object.__setattr__(spy, "error", of_rows)
    list(pruning.edges(spy, 3, SEEDS, 50))
    dpp, random, largest = ((seen[i] != 0).sum(-1) for i in range(3))
    assert (dpp == 3).all() and (largest == 3).all() and random.mean() == pytest.approx(3, abs=0.3)
    assert np.abs(seen[2]).sum() * 50 > np.abs(seen[0]).sum()


def copies(noise: float) -> Pair:
    rng = np.random.default_rng(2)
    rows_t = np.eye(2, 8)[None]
    signs = np.array([1, -1, 1, 1, -1, 1, 1])
    groups = np.array([0, 0, 0, 1, 1, 1, 0])
    rows = signs[:, None] * (rows_t[0, groups] + noise * rng.standard_normal((7, 8)))
    fan_out = signs * np.array([0.5, 1.5, 2.0, 1.0, 1.0, 2.0, 0.0])
    rows[-1] = rng.standard_normal(8)  # anything, without fan-out
    return Pair(rows[None], fan_out[None], rows_t, np.full((1, 2), 4.0))


def merged(of: Pair):
    return pruning.merged(of.rows, of.fan_out[..., None])


def test_copies_and_nodes_without_fan_out_merge_for_nothing():
    found = {k: (rows, sums[..., 0]) for k, rows, sums in merged(copies(0.0))}
    assert sorted(found) == list(range(1, 8))
    for k in range(2, 8):
        assert copies(0.0).error(*found[k])[0] == pytest.approx(0, abs=1e-12)
    rows, fan_out = found[2]
    assert np.allclose(np.abs(fan_out), 4) and np.allclose(np.abs(rows[0]).max(1), 1)
    assert copies(0.0).error(*found[1])[0] > 0.01


def test_a_merged_student_does_not_depend_on_the_ensemble():
    both, one = pair(), Pair(*(values[1:] for values in vars(pair()).values()))
    for (k, rows, fan_out), (_, alone, alone_fan_out) in zip(merged(both), merged(one)):
        assert np.allclose(rows[1:], alone) and np.allclose(fan_out[1:], alone_fan_out), k


def test_a_student_of_a_sweep_is_the_same_alone():
    both, alone = Pruned(**SMALL).run(), Pruned(**SMALL | dict(seeds=(7,))).run()
    for name in ("students", "errors"):
        mine = both[name][both[name].seed == 7].reset_index(drop=True)
        order = [c for c in ("k", "method", "reweighted") if c in mine]
        sort = lambda table: table.sort_values(order, ignore_index=True) if order else table
        left, right = sort(mine), sort(alone[name])
        numbers = left.select_dtypes("number").columns
        assert np.allclose(left[numbers], right[numbers], atol=1e-5), name


def test_training_lowers_the_error_and_every_method_is_there():
    untrained, trained = Pruned(**SMALL | dict(steps=1)).run(), Pruned(**SMALL | dict(steps=400)).run()
    assert (trained["students"].error < 0.5 * untrained["students"].error).all()
    errors = trained["errors"]
    assert errors.groupby(["seed", "k"]).size().nunique() == 1 and set(errors.k) == {1, 2, 3}
    assert errors.error.notna().all()


def test_a_member_that_diverges_is_a_row_and_no_more():
    found = Pruned(**SMALL | dict(learning_rate=1e4)).run()
    assert found["students"].error.isna().all() and not len(found["errors"])


@pytest.mark.parametrize(
    "changes, words",
    [
        (
            dict(over_realization=8.0),
            "over_realization: all subsets of 2 to 14 student nodes are tried, got 16",
        ),
        (dict(over_realization=2.3), "2.3"),
        (dict(input_dim=5), "input_dim: must be at least the student's 6 nodes, got 5"),
        (dict(seeds=1), "seeds"),
        (dict(noise=-1.0), "noise"),
    ],
)
def test_bad_parameters_are_refused_by_name(changes, words):
    with pytest.raises(SpecError, match=words):
        Parameters(**changes)


def test_many_items_are_refused():
    with pytest.raises(ValueError, match="at most 14"):
        kdpp.subsets(20, 3)
