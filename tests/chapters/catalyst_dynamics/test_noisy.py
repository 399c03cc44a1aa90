"""Students of noisy labels, the student that is built to be tight, and what starts see."""

import numpy as np
import pandas as pd
import pytest
import torch

from companion.chapters.catalyst_dynamics import claims, noisy, tables
from companion.chapters.catalyst_dynamics.studies import Faces, NoisyRecovery, Tilted
from ts_core.data import gaussian
from ts_core.streams import stream

SMALL = NoisyRecovery(
    input_dim=3,
    outputs=2,
    teacher_width=2,
    seeds=2,
    samples=60,
    steps=60,
    plane_points=40,
    noises=(0.0003, 0.003),
)


@pytest.fixture(scope="module")
def nodes():
    return SMALL.run()["nodes"]


def test_a_row_for_every_node_and_level(nodes):
    assert len(nodes) == 2 * 2 * 2 and set(nodes.law) == {"gaussian"}
    assert nodes.sine.between(0, 1).all() and (nodes.fan_out > 0).all() and (nodes.violations == 0).all()
    told = nodes.bound.notna()
    assert ((nodes.premises > 0) == told).all() and (nodes.sine[told] <= nodes.bound[told]).all()


def test_a_seed_does_not_depend_on_the_others(nodes):
    one = NoisyRecovery(**{**SMALL.model_dump(), "seeds": 1}).run()["nodes"]
    pd.testing.assert_frame_equal(one, nodes[nodes.seed == 1].reset_index(drop=True), rtol=1e-3)


@pytest.mark.parametrize("law", ["gaussian", "uniform", "signs", "student-t", "wave"])
def test_noise_has_mean_zero_and_variance_one(law):
    x = gaussian([stream(0, "x"), stream(1, "x")], 20_000, 3)
    noise = noisy.unit_noise(law, 2, x, 2)
    assert noise.shape == (2, 20_000, 2) and noise.mean().abs() < 0.02
    assert noise.var().item() == pytest.approx(1, abs=0.15)
    assert not torch.equal(noise[0], noise[1])


def test_another_law_is_refused():
    with pytest.raises(ValueError, match="or wave, got 'cauchy'"):
        noisy.unit_noise("cauchy", 1, torch.zeros(1, 2, 3), 1)
    with pytest.raises(ValueError, match="law: .*got 'cauchy'"):
        NoisyRecovery(law="cauchy")


def test_the_built_student_is_within_four_of_its_bound_and_not_beyond():
    found = Tilted().run()["tilted"]
    assert found.premise.all()
    np.testing.assert_allclose(found.sine / found.bound, 1 / 4 / Tilted().slack, rtol=1e-3)


def test_below_the_step_of_the_premise_nothing_is_guaranteed():
    """The smallest step with a true premise is where the bound is read: a hair below, there is none."""
    spec = Tilted.model_construct(**{**Tilted().model_dump(), "slack": 0.99})
    assert not noisy.tilted(spec).premise.any()


def test_starts_see_what_the_closed_forms_say():
    spec = Faces(over_realizations=(1.0, 2.0), seeds=300)
    found = spec.run()
    events = found["chances"]
    error = np.sqrt(events.chance * (1 - events.chance) / events.of)
    assert (abs(events.found / events.of - events.chance) <= 4 * error + 1e-3).all()
    starts = found["starts"]
    assert len(starts) == 2 * 300 and starts.faced.dtype == bool
    assert (
        starts[starts.over_realization == 2].faced.mean() > starts[starts.over_realization == 1].faced.mean()
    )


def by_law(exponent, power, seeds=3):
    rng = np.random.default_rng(0)
    rows = [
        dict(law=law, seed=seed, noise=noise, teacher=j, fan_out=size, loss=1.0, premises=1, violations=0)
        | dict(sine=0.1 * scale * noise**exponent * size**power * np.exp(0.01 * rng.normal()), bound=0.5)
        for law, scale in (("gaussian", 1.0), ("wave", 1.2))
        for seed in range(seeds)
        for noise in (0.001, 0.003, 0.01)
        for j, size in enumerate((2.0, 1.0, 0.5))
    ]
    return pd.DataFrame(rows)


TILTED = pd.DataFrame({"sine": [0.01, 0.02], "bound": [0.04, 0.08], "premise": True})


def test_exponents_of_an_angle_in_proportion_to_noise_over_fan_out():
    found = tables.noise_exponents(by_law(1.0, -1.0))
    np.testing.assert_allclose(found[["noise", "fan_out"]], [[1, -1]] * 3, atol=0.03)
    ratio = tables.over_gaussian(by_law(1.0, -1.0))
    np.testing.assert_allclose(ratio.wave, 1.2, rtol=0.03)
    np.testing.assert_allclose(tables.over_gaussian(by_law(1.0, -1.0), 3.0).gaussian, 3, rtol=0.03)


def test_noisy_claims_by_hand():
    made = {claim.id.split("/")[1]: claim for claim in claims.noisy(by_law(1.0, -1.0), TILTED)}
    assert {claim.verdict for claim in made.values()} == {"holds"}
    assert made["noisy-bound"].wrong.value == 2 and made["noisy-tight"].value == pytest.approx(0.25)
    bad = {claim.id.split("/")[1]: claim for claim in claims.noisy(by_law(0.5, 0.0), TILTED)}
    assert bad["noisy-noise"].verdict == bad["noisy-fan-out"].verdict == "fails"
    beyond = by_law(1.0, -1.0).assign(bound=1e-9)
    assert claims.noisy(beyond, TILTED)[0].verdict == "fails"


def test_stuck_starts_and_who_faces_whom_by_hand():
    runs = pd.DataFrame(
        {"over_realization": [1.4] * 4, "seed": [1, 1, 2, 2], "polarity": [0.0, 1.0] * 2}
        | {"outcome": ["stuck", "covered", "covered", "covered"]}
    )
    starts = pd.DataFrame({"over_realization": 1.4, "seed": [1, 2], "faced": [False, True]})
    found = tables.by_faces(runs, starts)
    assert found.stuck.tolist() == [0.5, 0.0]
    (claim,) = claims.faces(found)
    assert claim.value == 1 and claim.wrong.value == 0 and claim.note.startswith("1 starts")
    shares = tables.stuck_by_faces(pd.concat([found, found.assign(seed=found.seed + 2)]))
    assert shares.set_index("faced").value.to_dict() == {
        False: 0.5,
        True: 0.0,
    } and shares.starts.tolist() == [2, 2]
