"""Random starts followed to their end: fates, what they do not depend on, refusals."""

import numpy as np
import pandas as pd
import pytest
import torch

from companion.chapters.catalyst_dynamics import claims, fates
from companion.chapters.catalyst_dynamics.parameters import Parameters
from companion.chapters.catalyst_dynamics.studies import (
    Aligned,
    ClosedForms,
    Convergence,
    Examples,
    Fates,
    FewSamples,
)
from companion.runs.spec import SpecError

# seed 1 of the exactly realized student at p = 1 is stuck, 4 covered in time
FEW = Fates(polarities=(1.0,), seeds=4, limit=1500.0)


@pytest.fixture(scope="module")
def found():
    return FEW.run()


def test_fates_say_what_the_states_are(found):
    runs = found["runs"].set_index("seed")
    assert set(runs.outcome) == {"covered", "stuck"} and set(runs.status) == {"ok"}
    stuck, covered = runs[runs.outcome == "stuck"], runs[runs.outcome == "covered"]
    assert (stuck.gradient <= FEW.rest).all() and (stuck.curvature >= -FEW.descent).all()
    assert stuck.time.isna().all() and (stuck.learned < 5).all() and (stuck.loss > 0.01).all()
    assert (covered.time == covered.end).all() and (covered.learned == 5).all()


def test_a_stuck_start_has_a_mirrored_student_for_its_missing_node_only(found):
    nodes = found["teachers"]
    assert set(nodes.seed) == set(found["runs"].query("outcome == 'stuck'").seed)
    missing = nodes.learned < 0.5
    assert (nodes.mirror[missing] < -0.5).all() and (nodes.mirrored[missing] > 0.1).all()
    assert (nodes.mirrored[~missing] < 0.05).all()


@pytest.mark.parametrize("tolerance", [1e-6, 0.5e-6])
def test_an_adaptive_solver_sees_the_same_fates(found, tolerance):
    """Another method, half of its tolerance: what is stuck stays stuck, what is covered is covered then."""
    curves = Examples(seeds=4, horizon=1500.0, tolerance=tolerance).run()["curves"]
    covered = curves.groupby(["seed", "time"]).learned.min().gt(0.5).groupby("seed").any()
    runs = found["runs"].set_index("seed")
    assert (covered == (runs.outcome == "covered")).all()


def test_half_the_step_changes_no_fate(found):
    fine = Fates(**{**FEW.model_dump(), "step": 0.25}).run()["runs"]
    assert (fine.outcome == found["runs"].outcome).all()
    np.testing.assert_allclose(fine.time, found["runs"].time, rtol=0.02)


def test_half_the_tolerance_changes_no_verdict():
    spec = Aligned(seeds=1, time=6.0, teacher_width=2)
    forms = ClosedForms(seeds=3, samples=2000, pairs=2).run()["forms"]
    made = {
        tolerance: claims.exact_claims(
            forms, Aligned(**{**spec.model_dump(), "tolerance": tolerance}).run()["aligned"]
        )
        for tolerance in (spec.tolerance, spec.tolerance / 2)
    }
    assert len({tuple(claim.verdict for claim in found) for found in made.values()}) == 1
    for found in made.values():
        assert [claim.verdict for claim in found[1:]] == ["holds"] * 3 and all(
            claim.refuses for claim in found[1:]
        )


def test_fan_outs_overlap_as_asked():
    mixed = fates.fan_outs(4, 0.3)
    torch.testing.assert_close(mixed @ mixed.T, 0.7 * torch.eye(4, dtype=mixed.dtype) + 0.3)
    torch.testing.assert_close(fates.fan_outs(4, 0.0), torch.eye(4, dtype=mixed.dtype))


def test_too_few_students_rest_with_a_gradient_at_samples():
    spec = Fates(over_realization=0.5, teacher_width=2, input_dim=3, overlap=0.3, polarities=(0.0,), seeds=3)
    runs = Fates(**{**spec.model_dump(), "to_rest": True}).run()["runs"]
    assert (
        (runs.outcome == "stuck").all() and (runs.sample_gradient > 0.1).all() and (runs.aligned <= 1).all()
    )


def test_a_seed_does_not_depend_on_the_others(found):
    one = Fates(**{**FEW.model_dump(), "seeds": 1}).run()["runs"]
    pd.testing.assert_frame_equal(one, found["runs"].iloc[:1], rtol=1e-4)


def test_few_samples_and_convergence_are_tables_of_their_starts():
    few = FewSamples(
        train_samples=16, over_realizations=(1.0, 2.0), seeds=2, horizon=10.0, interval=5.0
    ).run()
    runs = few["runs"]
    assert len(runs) == 4 and runs.learned.between(0, 5).all() and runs.share_loss.between(0, 1.5).all()
    soon = Convergence(seeds=2, horizon=20.0, level=1e9).run()["runs"]
    assert (soon.time == 10.0).all()  # the first look
    never = Convergence(seeds=2, horizon=20.0, level=1e-9).run()["runs"]
    assert never.time.isna().all() and never.weakest.tolist() == pytest.approx([0.6, 0.6])


@pytest.mark.parametrize(
    "values, message",
    [
        (dict(over_realizations=(0.5,)), "whole number of nodes; 0.5 times 5 nodes is 2.5"),
        (dict(teacher_width=11), "teacher_width: at most input_dim = 10.*got 11"),
        (dict(tolerance=1.0), "tolerance: .*less than 1, got 1.0"),
        (dict(overlap=1.0), "overlap: .*less than 1, got 1.0"),
        (dict(polarities=(-1.0,)), "polarity: .*greater than or equal to 0, got -1.0"),
        (dict(start=3), "start: unknown parameter; known are input_dim"),
        (dict(step=0.0), "step: .*greater than 0, got 0.0"),
    ],
)
def test_bad_values_are_refused_by_name(values, message):
    with pytest.raises(SpecError, match=message):
        Parameters(**values)
