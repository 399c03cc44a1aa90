"""Verdicts on tables made by hand: what should hold does, and its opposite does not."""

import numpy as np
import pandas as pd
import pytest

from companion.chapters.lucky_nodes import claims
from tests.sentences import BOOK

RUN = dict(start="random", data="finite")


def published(name: str) -> pd.DataFrame:
    return pd.read_csv(BOOK / "reference" / f"{name}.csv")


def noise(seed: int) -> float:
    return 1 + 0.01 * np.sin(7.0 * seed)


def norms(left: float) -> pd.DataFrame:
    """Losers that keep a share of the winners' norm from a start near the teacher, .6 of it from others."""
    rows = [
        dict(over_realization=ratio, start=start, gradient=gradient, seed=seed, step=step, student=k)
        | dict(matched=k < 1, role=("winner", "loser")[k])
        | dict(norm=(1.2, 1.2 * (left if start == "[1, 1]" else 0.6) * noise(seed))[k])
        for ratio in (2.0, 5.0, 10.0)
        for start in ("[1, 1]", "random")
        for gradient in ("separated", "exact")
        for seed in (1, 2, 3)
        for step in (0, 19_900)
        for k in (0, 1)
    ]
    return pd.DataFrame(rows)


@pytest.mark.parametrize("left, verdict", [(0.01, "holds"), (0.5, "fails")])
def test_decay_is_judged_by_what_is_left_of_the_losers(left, verdict):
    near, far, _ = claims.decay_claims(norms(left), published("lucky_fan_outs"))
    assert near.verdict == verdict and near.refuses and far.verdict == "holds"


@pytest.mark.parametrize("fall, verdict", [(2.0, "holds"), (0.5, "fails")])
def test_losers_fall_at_the_rate_of_the_slowest_mode(fall, verdict):
    rows = [
        dict(
            start=start, gradient="exact", slowest=slowest, fall=slowest * (fall if start == "[1, 1]" else 0)
        )
        for start in ("[1, 1]", "random")
        for slowest in np.linspace(1e-4, 1e-2, 24)
    ]
    claim = claims.slowest_mode_claim(pd.DataFrame(rows))
    assert claim.verdict == verdict and claim.refuses and claim.note.startswith("24 students")


def ranks(first: float, later: float, few: float) -> pd.DataFrame:
    """Mean ranks before training and after an epoch, and what few samples add."""
    rows = [
        dict(over_realization=10.0, **RUN, seed=seed, samples=samples, epoch=epoch, layer=layer, teacher=0)
        | dict(rank=(later if epoch else first + few * (samples == 192)) * noise(seed), alive=True)
        for seed in (1, 2, 3, 4)
        for samples in (192, 1024, 10_240)
        for epoch in (0, 1)
        for layer in (1, 2, 3, 4)
    ]
    return pd.DataFrame(rows)


def test_lucky_winners_and_when_luck_is_decided():
    lucky, unlucky = ranks(20.0, 2.0, 5.0), ranks(49.0, 30.0, 0.0)
    found = claims.luck_claims(lucky, published("lucky_ranks"), "laptop")
    assert [claim.verdict for claim in found] == ["holds"] * 4 and all(claim.refuses for claim in found)
    assert [claim.published for claim in found] == [3.75, 12.94, 26.33, 28.86]
    assert claims.decided_claim(lucky).verdict == claims.few_samples_claim(lucky).verdict == "holds"
    assert {claim.verdict for claim in claims.luck_claims(unlucky, None, "quick")} == {"fails"}
    assert claims.decided_claim(unlucky).verdict == claims.few_samples_claim(unlucky).verdict == "fails"


def layers(at_50: float) -> pd.DataFrame:
    """The published correlations, and another one for the widest student."""
    curve = published("lucky_correlation").drop(columns="reading")
    rows = curve[curve.epoch.isin([10, 20, 40])].merge(pd.DataFrame({"seed": [1, 2, 3, 4]}), how="cross")
    wide = (rows.over_realization == 50) & (rows.layer == 2)
    value = rows.correlation.where(~wide, at_50) + 0.005 * np.sin(9.0 * rows.seed)
    return rows.assign(correlation=value, **RUN)


def test_too_much_width():
    theirs = published("lucky_correlation")
    at_20, at_50, near = claims.width_claims(layers(0.76), theirs)
    assert at_20.verdict == at_50.verdict == "holds" and at_20.id == "lucky/too-wide-20x"
    assert near.value < near.at_most and at_50.refuses and near.refuses
    at_20, at_50, near = claims.width_claims(layers(0.97), theirs)
    assert at_20.verdict == "holds" and at_50.verdict == "fails" and near.value > near.at_most


def starts(lift: dict[float, float], power: float) -> pd.DataFrame:
    """Students whose weights move by a power of their width, and what a halved start adds to them."""
    rows = [
        dict(seed=seed, over_realization=ratio, start=start, data="finite", epoch=5, layer=2)
        | dict(correlation=(0.8 + lift.get(ratio, 0.0) * (start == "halved")) * noise(seed * ratio))
        | dict(moved=ratio**power * noise(seed + ratio))
        for seed in (1, 2, 3, 4)
        for ratio in (2.0, 5.0, 20.0, 50.0)
        for start in ("random", "halved")
    ]
    return pd.DataFrame(rows)


def test_a_wide_student_is_held_back_by_its_start():
    moved, *halved = claims.start_claims(starts({20.0: 0.13, 50.0: 0.19}, -0.5))
    assert [claim.verdict for claim in (moved, *halved)] == ["holds"] * 3
    assert moved.value == pytest.approx(10**-0.5, rel=0.05) and all(c.refuses for c in (moved, *halved))
    assert [claim.value for claim in halved] == [pytest.approx(0.13, abs=0.01), pytest.approx(0.19, abs=0.01)]
    moved, *halved = claims.start_claims(starts({}, 0.0))
    assert [claim.verdict for claim in (moved, *halved)] == ["fails"] * 3


def test_a_ticket_is_held_against_random_nodes():
    whole = pd.DataFrame(
        [
            dict(over_realization=5.0, **RUN, seed=seed, epoch=40, layer=1, correlation=0.9 * noise(seed))
            for seed in (1, 2, 3, 4)
        ]
    )
    worth = {
        "winners": 0.8,
        "winners after 1 epoch": 0.62,
        "random nodes": 0.6,
        "new draw, same scale": 0.6,
        "new draw, own scale": 0.6,
    }
    tickets = pd.concat(
        [
            whole.assign(ticket=name, correlation=value * whole.correlation / 0.9)
            for name, value in worth.items()
        ]
    )
    first, late = claims.ticket_claims(tickets, whole)
    assert first.verdict == "holds" and late.verdict == "fails" and first.refuses and "0.30" in first.note


def test_overlaps_are_selective_after_training():
    rows = [
        dict(over_realization=4.0, **RUN, seed=seed, epoch=epoch, layer=1, matrix=matrix, block=block)
        | dict(size=size * noise(seed + len(block)))
        for seed in (1, 2, 3)
        for matrix in ("H", "H*")
        for epoch, sizes in ((0, (1.0, 1.0, 1.0)), (4, (4.0, 1.0, 0.4)))
        for block, size in zip(("own", "winners", "others"), sizes)
    ]
    claim = claims.overlap_claim(pd.DataFrame(rows), "laptop")
    assert (
        claim.scale == "laptop"
        and claim.verdict == "holds"
        and claim.refuses
        and "layer 1: 0.10" in claim.note
    )


@pytest.mark.parametrize("first, later, verdicts", [(25.0, 5.0, ["holds"] * 4), (49.0, 30.0, ["fails"] * 4)])
def test_luck_on_images(first, later, verdicts):
    rows = [
        dict(
            network=network, over_realization=10.0, seed=seed, epoch=epoch, layer=layer, teacher=0, alive=True
        )
        | dict(rank=(later if epoch else first) * noise(seed))
        for network in ("convolutional", "fully connected")
        for seed in (1, 2, 3)
        for epoch in (0, 1)
        for layer in (1, 2, 3, 4)
    ]
    found = claims.image_claims(pd.DataFrame(rows), published("lucky_ranks"))
    assert [claim.verdict for claim in found] == verdicts
    assert found[0].published == pytest.approx((2.73 + 18.76 + 35.78 + 39.03) / 4)


def test_biases_and_gates():
    shifts = pd.DataFrame(
        [
            dict(shape="vgg11", seed=seed, layer=layer, channel=k, shift=-0.1 if k < 8 else 0.1)
            for seed in (1, 2, 3)
            for layer in (1, 2)
            for k in range(10)
        ]
    )
    gates = pd.DataFrame(
        [
            dict(
                shape="convolutional",
                norm=norm,
                seed=seed,
                trained=trained,
                layer=1,
                overlap=value * noise(seed),
                test_accuracy=0.4,
            )
            for seed in (1, 2, 3)
            for norm, trained, value in (("before", True, 0.2), ("before", False, 0.25), ("none", True, 0.1))
        ]
    )
    signs, both = claims.bias_claims(shifts, gates)
    assert both.verdict == "holds" and both.refuses and signs.value == 80 and "80 %" in signs.note
    worse = gates.assign(overlap=gates.overlap + 0.1)
    assert claims.bias_claims(shifts, worse)[1].verdict == "fails" and "accuracy 0.40" in signs.note


@pytest.mark.parametrize("cost, verdict", [(0.2, "holds"), (0.01, "fails")])
def test_overlaps_hinder(cost, verdict):
    rows = [
        dict(coupling=coupling, trial=trial, overlap=overlap)
        | dict(rate=1 - (coupling > 0) * cost * noise(trial) * overlap / 0.25)
        for coupling in (0.0, 0.1, 0.2)
        for trial in range(4)
        for overlap in (0.0, 0.1, 0.25)
    ]
    claim = claims.overlapping_claim(pd.DataFrame(rows))
    assert claim.verdict == verdict and claim.refuses and claim.note.startswith("1.00 at an overlap of 0.00")


def test_normalization_behind_the_relu():
    rows = [
        dict(over_realization=10.0, **RUN, norm=norm, seed=seed, epoch=epoch, layer=layer)
        | dict(correlation=(0.8 if norm == "after" and epoch else 0.95) + 0.002 * np.sin(5.0 * seed + epoch))
        for norm in ("after", "none")
        for seed in (1, 2, 3)
        for epoch in (0, 20)
        for layer in (1, 2)
    ]
    claim = claims.norm_claim(pd.DataFrame(rows))
    assert claim.verdict == "holds" and claim.refuses and "0.80 and 0.95" in claim.note
