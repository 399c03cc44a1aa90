"""Equations of the overlaps against samples, autograd and limits that can be done by hand."""

import numpy as np
import pytest
import torch

from companion.chapters.quadratic_networks import overlaps

SHAPES = [(1, 1), (2, 1), (2, 2), (4, 2), (5, 3)]


def weights(p, p_star, dim=9, seed=0):
    """Rows of a student, and the orthogonal rows of a teacher, of norm sqrt(N)."""
    rng = np.random.default_rng(seed)
    teacher = np.linalg.qr(rng.standard_normal((dim, p_star)))[0].T * np.sqrt(dim)
    return rng.standard_normal((p, dim)), teacher


def overlap(W, teacher):
    return W @ W.mT / W.shape[-1], W @ teacher.T / W.shape[-1]


def population_loss(W, teacher):
    """By torch, from the matrix A of the quadratic form."""
    p, dim = W.shape
    A = W.T @ W / (p * dim) - teacher.T @ teacher / (len(teacher) * dim)
    return A.trace() ** 2 / 2 + (A @ A).trace()


@pytest.mark.parametrize("p, p_star", SHAPES)
def test_the_gradient_flow_is_the_gradient(p, p_star):
    W, teacher = weights(p, p_star)
    w = torch.tensor(W, requires_grad=True)
    value = population_loss(w, torch.tensor(teacher))
    (gradient,) = torch.autograd.grad(value, w)
    step = -W.shape[1] * p * gradient.numpy()  # d alpha = 1 / N, eta = p at rate 1
    Q, M = overlap(W, teacher)
    dQ, dM = overlaps.velocity(Q, M, 1.0, noise=False)
    assert value.item() == pytest.approx(overlaps.loss(Q, M), rel=1e-12)
    np.testing.assert_allclose(dM, step @ teacher.T / W.shape[1], atol=1e-12)
    np.testing.assert_allclose(dQ, (step @ W.T + W @ step.T) / W.shape[1], atol=1e-12)


@pytest.mark.parametrize("p, p_star", [(1, 1), (3, 2)])
def test_the_step_of_sgd_has_these_moments(p, p_star):
    """What a step does to N Q and N M on average, over samples of the fields alone."""
    W, teacher = weights(p, p_star, seed=1)
    Q, M = overlap(W, teacher)
    both = np.block([[Q, M], [M.T, np.eye(p_star)]])
    batches, rate = 50, 0.3
    found = []
    for rng in np.random.default_rng(2).spawn(batches):
        fields = rng.standard_normal((40_000, p + p_star)) @ np.linalg.cholesky(both).T
        own, theirs = fields[:, :p], fields[:, p:]
        delta = (own**2).mean(1) - (theirs**2).mean(1)
        step = -2 * rate * delta[:, None] * own
        move = step.T @ own / len(own)
        found.append(np.hstack([move + move.T + step.T @ step / len(own), step.T @ theirs / len(own)]))
    mean, error = np.mean(found, 0), np.std(found, 0) / np.sqrt(batches)
    formula = np.hstack(overlaps.velocity(Q, M, rate))
    assert (np.abs(mean - formula) < 4.5 * error).all()
    without = np.hstack(overlaps.velocity(Q, M, rate, noise=False))
    assert (np.abs(mean - without) > 4.5 * error).any()


@pytest.mark.parametrize("p, p_star", SHAPES)
def test_scaled_back_rows_keep_their_norm(p, p_star):
    Q, M = overlap(*weights(p, p_star))
    dQ, dM = overlaps.velocity(Q, M, 0.1, spherical=True)
    free, along = overlaps.velocity(Q, M, 0.1)
    np.testing.assert_allclose(np.diagonal(dQ), 0, atol=1e-12)
    shrink = (dM - along) / M
    np.testing.assert_allclose(shrink, shrink[:, :1] * np.ones(p_star), rtol=1e-8)  # rows are scaled, no more
    assert np.abs(np.diagonal(free)).max() > 0.01


def test_members_do_not_see_each_other():
    pairs = [overlap(*weights(3, 2, seed=seed)) for seed in range(3)]
    Q, M = (np.stack(part) for part in zip(*pairs))
    together = overlaps.trajectory(Q, M, np.linspace(0, 5, 6), 0.1)
    for member, (own_Q, own_M) in enumerate(pairs):
        alone = overlaps.trajectory(own_Q, own_M, np.linspace(0, 5, 6), 0.1)
        np.testing.assert_allclose(together[0][:, member], alone[0], atol=1e-6)
        np.testing.assert_allclose(together[1][:, member], alone[1], atol=1e-6)


def test_a_rate_at_which_norms_blow_up_is_said_to_be_one():
    Q, M = overlap(*weights(1, 1))
    with pytest.raises(ArithmeticError, match="rate 3.0 after time"):
        overlaps.trajectory(Q, M, [0, 50], 3.0)
    with pytest.raises(ArithmeticError, match="no plateau at rate 3.0 for p = 1"):
        overlaps.plateau(1, 1, 3.0)


@pytest.mark.parametrize("p, p_star", SHAPES)
@pytest.mark.parametrize("rate", [0.0, 0.03, 0.1])
def test_the_plateau_rests_and_m_grows_on_it_at_the_rate_of_escape(p, p_star, rate):
    q, level = overlaps.plateau(p, p_star, rate)
    noise = rate > 0
    small = 1e-9 * np.random.default_rng(0).standard_normal((p, p_star))
    dQ, dM = overlaps.velocity(q * np.eye(p), small, rate or 0.05, noise=noise)
    np.testing.assert_allclose(dQ, 0, atol=1e-14)
    rate_of_growth = overlaps.escape_rate(p, p_star, rate or 0.05, noise=noise)
    np.testing.assert_allclose(dM, rate_of_growth * small, rtol=1e-8)
    if not noise:
        assert q == pytest.approx(p / (p + 2)) and level == pytest.approx(1 / p_star + 1 / (p + 2))
        assert rate_of_growth == pytest.approx(0.2 / p_star)


def test_random_overlaps_are_those_of_random_rows():
    """Mean and variance of each entry, drawn and by rows."""
    p, p_star, dim, draws = 3, 2, 12, 4000
    rng = np.random.default_rng(0)
    teacher = np.eye(p_star, dim) * np.sqrt(dim)
    by_rows = overlap(rng.standard_normal((draws, p, dim)), teacher)
    drawn = [
        np.stack(part) for part in zip(*(overlaps.random_overlaps(rng, p, p_star, dim) for _ in range(draws)))
    ]
    for one, other in zip(drawn, by_rows):
        error = np.sqrt((one.var(0) + other.var(0)) / draws)
        assert (np.abs(one.mean(0) - other.mean(0)) < 4.5 * error).all()
        np.testing.assert_allclose(one.std(0), other.std(0), rtol=0.1)


@pytest.mark.parametrize("p, p_star", [(1, 1), (2, 2), (4, 2), (3, 1)])
def test_the_flow_conserves_the_matrix_and_nothing_else_does(p, p_star):
    rng = np.random.default_rng(3)
    square = 0.1 * rng.standard_normal((p, p))
    M = 0.1 * rng.standard_normal((p, p_star))
    times, rate = np.linspace(0, 8, 9), 0.1
    keep = lambda **kind: overlaps.conserved(
        *overlaps.trajectory(np.eye(p) + square + square.T, M, times, rate, 1e-11, **kind), times, rate
    )
    drift = lambda values: np.abs(values - values[0]).max() / np.abs(values[0]).max()
    assert drift(keep(noise=False)) < 1e-8
    assert drift(keep(noise=True)) > 1e-2
    in_the_span = np.eye(2)[None]
    assert np.isnan(overlaps.conserved(in_the_span, in_the_span, [0], rate)).all()


def test_the_polar_factor_is_the_closest_solution():
    p, p_star = 4, 2
    W, teacher = weights(p, p_star)
    Q, M = overlap(W, teacher)
    best = overlaps.polar(M)
    by_hand = ((W - np.sqrt(p / p_star) * best @ teacher) ** 2).sum() / W.shape[1]
    assert overlaps.distance(Q, M, best) == pytest.approx(by_hand, rel=1e-12)
    others = np.linalg.qr(np.random.default_rng(0).standard_normal((500, p, p_star)))[0]
    assert overlaps.distance(Q, M, others).min() > by_hand
    assert overlaps.loss(p / p_star * best @ best.T, np.sqrt(p / p_star) * best) == pytest.approx(
        0, abs=1e-14
    )


@pytest.mark.parametrize("p, p_star", [(1, 1), (2, 1), (3, 2)])
def test_the_hessian_is_that_of_autograd(p, p_star):
    W, teacher = weights(p, p_star, dim=5)
    target = torch.tensor(teacher)
    found = torch.autograd.functional.hessian(lambda w: 5 * population_loss(w, target), torch.tensor(W))
    np.testing.assert_allclose(overlaps.hessian(W, teacher), found.reshape(5 * p, 5 * p).numpy(), atol=1e-10)


@pytest.mark.parametrize("p, p_star", SHAPES)
def test_eigenvalues_at_a_solution_and_on_the_plateau(p, p_star):
    dim = 12
    _, teacher = weights(p, p_star, dim)
    O = np.linalg.qr(np.random.default_rng(1).standard_normal((p, p_star)))[0]
    at_solution = np.linalg.eigvalsh(overlaps.hessian(np.sqrt(p / p_star) * O @ teacher, teacher))
    assert at_solution[0] > -1e-10
    assert (np.abs(at_solution) < 1e-9).sum() == overlaps.nullity(p, p_star, dim)
    basis = np.linalg.svd(teacher)[2][p_star : p_star + p]  # orthogonal to the teacher
    q, _ = overlaps.plateau(p, p_star)
    on_plateau = np.linalg.eigvalsh(overlaps.hessian(np.sqrt(q * dim) * basis, teacher))
    np.testing.assert_allclose(on_plateau[: p * p_star], -4 / (p * p_star), rtol=1e-10)
    assert on_plateau[p * p_star] > -1e-10


@pytest.mark.parametrize("p, p_star", SHAPES)
def test_free_norms_leave_a_stiefel_manifold(p, p_star):
    O = np.linalg.qr(np.random.default_rng(2).standard_normal((p, p_star)))[0]
    assert overlaps.solution_dim(O) == p * p_star - p_star * (p_star + 1) // 2


def test_equal_norms_leave_points_of_one_teacher_node():
    signs = np.array([[1.0], [-1.0], [1.0], [1.0]]) / 2
    assert overlaps.solution_dim(signs) == 3 and overlaps.solution_dim(signs, spherical=True) == 0


def test_the_noise_of_sgd_on_the_plateau_is_that_of_samples():
    """Second moment of the change of an entry of M, q = 1, M = 0."""
    p, p_star, rate = 3, 2, 1e-4
    rng = np.random.default_rng(0)
    own, theirs = rng.standard_normal((400_000, p)), rng.standard_normal((400_000, p_star))
    change = 2 * rate * ((own**2).mean(1) - (theirs**2).mean(1)) * own[:, 0] * theirs[:, 0]
    # of a plateau that is never left nu is this, over 2 growth; here q moves from 1 to p / (p + 2)
    bracket = (change**2).mean() / (4 * rate**2)
    by_hand = (p + 2) * (p + 4) / p**2 - 2 * (p + 2) / p * (p_star + 2) / p_star
    by_hand += (p_star + 2) * (p_star + 4) / p_star**2
    assert bracket == pytest.approx(by_hand, rel=0.05)


@pytest.mark.parametrize("p, p_star", [(1, 1), (4, 1), (4, 2)])
def test_for_small_rates_the_share_of_noise_has_a_closed_form(p, p_star):
    rate = 1e-3
    q = lambda at: 1 / ((p + 2) / p + (1 - (p + 2) / p) * np.exp(-4 * at))  # logistic, at = rate * alpha
    at = np.linspace(0, 8 * p_star, 200_001)
    bracket = (q(at) / p) ** 2 * (p + 2) * (p + 4) - 2 * q(at) * (p + 2) / p * (p_star + 2) / p_star
    bracket += (p_star + 2) * (p_star + 4) / p_star**2
    by_hand = 4 * rate * np.trapezoid(bracket * np.exp(-8 * at / p_star), at)
    assert overlaps.noise_share(p, p_star, rate) == pytest.approx(by_hand, rel=0.02)


@pytest.mark.parametrize("p, p_star", [(2, 1), (4, 1), (4, 2)])
def test_the_loss_of_wider_students_ends_in_the_tail(p, p_star):
    O = np.eye(p, p_star)
    rest = np.diag([*np.zeros(p_star), *np.full(p - p_star, 0.05)])
    times = np.array([0, 300.0, 600.0])
    path = overlaps.trajectory(p / p_star * O @ O.T + rest, np.sqrt(p / p_star) * O, times, 0.1, noise=False)
    losses = overlaps.loss(*path)[1:]
    offset = p / (4 * 0.1 * ((p - p_star) / (1 + p_star / 2) + 2) * 0.05)  # when 1 / q would have been 0
    np.testing.assert_allclose(losses * (times[1:] + offset) ** 2, overlaps.tail(p, p_star, 0.1), rtol=0.04)
    with pytest.raises(ValueError, match="p must be above p[*] = 2, got 2"):
        overlaps.tail(2, 2, 0.1)


@pytest.mark.parametrize("p, p_star", SHAPES)
def test_with_norms_that_are_kept_the_plateau_is_left_at_the_same_rate(p, p_star):
    small = 1e-9 * np.random.default_rng(0).standard_normal((p, p_star))
    dQ, dM = overlaps.velocity(np.eye(p), small, 0.1, noise=False, spherical=True)
    np.testing.assert_allclose(dQ, 0, atol=1e-14)
    np.testing.assert_allclose(dM, 0.4 / p_star * small, rtol=1e-8)


@pytest.mark.parametrize("p, p_star", [(2, 1), (4, 2)])
def test_the_flow_leaves_the_plateau_at_the_same_rate_with_norms_kept(p, p_star):
    M = 1e-7 * np.random.default_rng(0).standard_normal((p, p_star))
    _, dM = overlaps.velocity(np.eye(p), M, 0.1, noise=False, spherical=True)
    np.testing.assert_allclose(dM, overlaps.escape_rate(p, p_star, 0.1) * M, rtol=1e-6)
