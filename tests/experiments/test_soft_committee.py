"""Committees of erf nodes: overlaps and error of known networks, one step by hand, the adaptive gate."""

import numpy as np
import pytest
import torch

from companion.experiments.soft_committee.overlaps import cosines, error, overlaps
from companion.experiments.soft_committee.run import AdaptiveErf, committee, simulate, starts, teachers
from companion.experiments.soft_committee.spec import SoftCommittee
from companion.runs.spec import SpecError
from ts_core.activations import Erf
from ts_core.networks import Network, forward
from ts_core.streams import stream

SMALL = SoftCommittee(
    input_dim=10, student_width=3, seeds=2, horizon=2.0, interval=1.0, noise=0.2, fan_out_rate=0.4
)


def test_a_perfect_student_has_no_error_and_cosine_one():
    teacher = teachers(SMALL)
    of = overlaps(teacher, teacher)
    assert error(of).abs().max() < 1e-15
    torch.testing.assert_close(
        cosines(of), torch.eye(2, dtype=torch.float64).expand(2, 2, 2), atol=1e-12, rtol=0
    )


def test_the_error_is_that_of_samples():
    teacher = teachers(SMALL)
    student = starts(SMALL, teacher)
    x = torch.from_numpy(np.random.default_rng(0).standard_normal((1, 200_000, 10)))
    first = lambda network: Network(tuple(w[:1] for w in network.weights), network.activation)
    output = lambda network: forward(first(network), x)[1][-1]
    square = (output(teacher) - output(student)).square() / 2
    assert float(error(overlaps(student, teacher))[0]) == pytest.approx(float(square.mean()), rel=0.02)


def test_what_is_no_committee_is_refused():
    teacher = teachers(SMALL)
    shifted = Network((teacher.weights[0] + 1, teacher.weights[1]), Erf())
    with pytest.raises(ValueError, match="the student must have two layers, one output and no bias"):
        overlaps(shifted, teacher)


@pytest.mark.parametrize("beta", [1.0, 2.0])
def test_steps_are_those_of_the_literature(beta):
    """w += eta / sqrt N v g'(beta x) e xi and v += eta_v / N g(x) e, both from the old weights."""
    spec = SMALL.into(SoftCommittee, beta=beta)
    n = spec.input_dim
    teacher = teachers(spec)
    student = starts(spec, teacher)
    w = student.weights[0][0, :, :-1].numpy() * np.sqrt(n)
    v = student.weights[1][0, 0, :-1].numpy()
    b = teacher.weights[0][0, :, :-1].numpy() * np.sqrt(n)
    xi = stream(1, "data").standard_normal((50, n))
    zeta = stream(1, "noise").standard_normal((50, 1))
    g = lambda u: torch.erf(torch.from_numpy(u) / 2**0.5).numpy()
    slope = lambda u: np.sqrt(2 / np.pi) * np.exp(-(u**2) / 2)
    for step in range(2 * n):
        x, y = w @ xi[step] / np.sqrt(n), b @ xi[step] / np.sqrt(n)
        e = g(y).sum() + spec.noise * zeta[step, 0] - v @ g(x)
        w, v = (
            w + spec.learning_rate / np.sqrt(n) * np.outer(v * slope(beta * x) * e, xi[step]),
            v + spec.fan_out_rate / n * g(x) * e,
        )
    alpha, of = simulate(spec)
    assert alpha.tolist() == [0, 1, 2]
    np.testing.assert_allclose(of.q[-1, 0], w @ w.T / n, atol=1e-10)
    np.testing.assert_allclose(of.r[-1, 0], w @ b.T / n, atol=1e-10)
    np.testing.assert_allclose(of.v[-1, 0], v, atol=1e-10)


def test_a_start_leans_towards_its_teacher_as_far_as_asked():
    spec = SMALL.into(SoftCommittee, start_overlap=5.0)
    teacher = teachers(spec)
    near = cosines(overlaps(starts(spec, teacher), teacher))
    assert near[:, 0, 0].min() > 0.9 and near[:, 1, 1].min() > 0.9 and near[:, 2].abs().max() < 0.9


def test_starts_have_the_moments_asked_for_and_no_two_entries_are_one_draw():
    spec = SMALL.into(SoftCommittee, seeds=2000, fan_out_mean=3.0, fan_out_spread=0.5, start_norm=0.8)
    student = starts(spec, teachers(spec))
    w, v = student.weights[0][..., :-1], student.weights[1][:, 0, :-1]
    assert float(v.mean()) == pytest.approx(3, abs=0.03) and float(v.std()) == pytest.approx(0.5, rel=0.05)
    assert float(w.square().sum(2).mean()) == pytest.approx(0.8, rel=0.02)
    entries = torch.cat([w.flatten(1), v], 1)
    between = np.corrcoef(entries.numpy().T) - np.eye(entries.shape[1])
    assert np.abs(between).max() < 5 / np.sqrt(spec.seeds)


def test_the_adaptive_gate_in_place_is_its_derivative():
    z = torch.linspace(-3, 3, 13, dtype=torch.float64)
    gate, f, g = AdaptiveErf(2.0), torch.empty(13, dtype=torch.float64), torch.ones(13, dtype=torch.float64)
    now = z.clone()
    gate.value_(now, f)
    gate.gate_(g, now, f)
    torch.testing.assert_close(g, gate.derivative(z))
    torch.testing.assert_close(gate.derivative(z), Erf().derivative(2 * z))
    torch.testing.assert_close(f, Erf().value(z))
    assert committee(torch.ones(1, 1, 1), torch.ones(1, 1), gate).activation.beta == 2


@pytest.mark.parametrize(
    "values, message",
    [
        (dict(teacher_width=20), "teacher_width: at most input_dim = 10 rows are orthonormal, got 20"),
        (dict(interval=0.25), "interval: times input_dim = 10 must be a whole number of steps, .* got 0.25"),
        (dict(horizon=0.5), "horizon: must be at least interval = 1.0, got 0.5"),
        (dict(beta=0.0), "beta: .*greater than 0, got 0"),
    ],
)
def test_bad_settings_are_refused(values, message):
    with pytest.raises(SpecError, match=message):
        SMALL.into(SoftCommittee, **values)
