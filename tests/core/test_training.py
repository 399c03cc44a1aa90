"""Training of whole ensembles: against a plain loop over one network at a time, and member by member."""

import numpy as np
import pytest
import torch

from ts_core.activations import LeakyReLU
from ts_core.data import gaussian
from ts_core.losses import CrossEntropy
from ts_core.metrics import evaluate, success
from ts_core.networks import Network
from ts_core.streams import stream
from ts_core.teachers import deep_teachers, small_students, two_layer_teachers, uniform_students
from ts_core.training.batches import drawn
from ts_core.training.sgd import diverged, train

DIM, WIDTH, OUTPUTS, SAMPLES, BATCH = 6, 2, 3, 40, 4
POLARITIES = (0.0, 1.0)


def problem(seeds, widths=(2, 4), polarities=POLARITIES, scale=0.3):
    """Teachers, students and inputs as an experiment makes them; one data set per seed."""
    of = lambda purpose, *key: [stream(seed, purpose, *key) for seed in seeds]
    teacher = two_layer_teachers(of("teacher"), DIM, WIDTH, OUTPUTS, polarities)
    students = [small_students(of("start", n), (DIM, n, OUTPUTS), scale, len(polarities)) for n in widths]
    return teacher, students, gaussian(of("data"), SAMPLES, DIM)


def trained(seeds, teacher, students, x, steps=300, snapshots=None, rate=0.05):
    """Students at every snapshot, by step."""
    seen = {}
    train(
        teacher,
        students,
        drawn(x, [stream(seed, "batches") for seed in seeds], BATCH),
        learning_rate=rate,
        snapshots=snapshots or [steps],
        on_snapshot=lambda step, now: seen.update({step: now}),
    )
    return seen


def member(network, i):
    """Weights of one member; lower layers may be shared by several."""
    return [w[i * len(w) // network.members].numpy() for w in network.weights]


def with_bias(rows):
    return np.hstack([rows, np.ones((len(rows), 1))])


def plain_sgd(teacher, student, x, indices, rate):
    """A two-layer network: W += rate * mean over a batch of g f^T, with g = -dJ/dz; rows of W are inputs."""
    (v1, v2), (w1, w2) = ([w.T.copy() for w in weights] for weights in (teacher, student))
    for batch in indices:
        f0 = with_bias(x[batch])
        target = with_bias(np.maximum(f0 @ v1, 0)) @ v2
        z1 = f0 @ w1
        f1 = with_bias(np.maximum(z1, 0))
        g2 = target - f1 @ w2
        g1 = (g2 @ w2[:-1].T) * (z1 > 0)
        w2 = w2 + rate * f1.T @ g2 / len(batch)
        w1 = w1 + rate * f0.T @ g1 / len(batch)
    return w1.T, w2.T


def equal(a, b, tolerance=0.0):
    return all(
        torch.allclose(u, v, rtol=0, atol=tolerance, equal_nan=True) for u, v in zip(a.weights, b.weights)
    )


def test_ensemble_follows_the_plain_loop_to_rounding():
    seeds = (1, 2, 7)
    teacher, students, x = problem(seeds)
    after = trained(seeds, teacher, students, x)[300]
    for student, result in zip(students, after):
        for i in range(teacher.members):
            group = i // len(POLARITIES)
            picks = stream(seeds[group], "batches").integers(SAMPLES, size=(300, BATCH))
            start = member(student, i)
            expected = plain_sgd(member(teacher, i), start, x[group].numpy(), picks, 0.05)
            for before, ours, theirs in zip(start, member(result, i), expected):
                assert np.abs(theirs - before).max() > 0.1  # it has moved, so agreement means something
                assert np.abs(ours - theirs).max() < 1e-12


def test_deeper_and_leaky_ensembles_follow_autograd():
    seeds = (1, 2)
    teacher, _, x = problem(seeds)
    student = small_students(
        [stream(s, "start") for s in seeds], (DIM, 5, 4, OUTPUTS), 0.5, 2, LeakyReLU(0.1)
    )
    result = trained(seeds, teacher, [student], x, steps=50)[50][0]
    for i in range(teacher.members):
        group = i // 2
        data, (v1, v2) = x[group], map(torch.from_numpy, member(teacher, i))
        weights = [torch.from_numpy(w).clone().requires_grad_() for w in member(student, i)]
        for batch in stream(seeds[group], "batches").integers(SAMPLES, size=(50, BATCH)):
            f = data[batch]
            target = (f @ v1[:, :-1].T + v1[:, -1]).relu() @ v2[:, :-1].T + v2[:, -1]
            for w in weights[:-1]:
                f = torch.nn.functional.leaky_relu(f @ w[:, :-1].T + w[:, -1], 0.1)
            output = f @ weights[-1][:, :-1].T + weights[-1][:, -1]
            objective = (target - output).square().sum(1).mean() / 2
            gradients = torch.autograd.grad(objective, weights)
            with torch.no_grad():
                for w, gradient in zip(weights, gradients):
                    w -= 0.05 * gradient
        for ours, theirs in zip(member(result, i), weights):
            assert np.abs(ours - theirs.detach().numpy()).max() < 1e-12


def test_a_member_alone_equals_itself_among_eight():
    crowd = tuple(range(1, 9))
    among = trained(crowd, *problem(crowd))[300]
    for seed in (1, 7):
        alone = trained((seed,), *problem((seed,)))[300]
        for one, many in zip(alone, among):
            for i in range(len(POLARITIES)):
                j = crowd.index(seed) * len(POLARITIES) + i
                assert all(np.abs(a - b).max() < 1e-12 for a, b in zip(member(one, i), member(many, j)))


def test_other_widths_and_polarities_beside_it_change_nothing():
    wide = trained((1, 2), *problem((1, 2)))[300][1]
    narrow = trained((1, 2), *problem((1, 2), widths=(4,), polarities=(1.0,)))[300][0]
    for seed in range(2):
        pairs = zip(member(wide, 2 * seed + 1), member(narrow, seed))
        assert all(np.abs(a - b).max() < 1e-12 for a, b in pairs)


def test_snapshots_do_not_change_the_path():
    seeds = (3, 4)
    often = trained(seeds, *problem(seeds), steps=1203, snapshots=[0, 1, 2, 7, 33, 999, 1001, 1203])
    once = trained(seeds, *problem(seeds), steps=1203)
    assert list(often) == [0, 1, 2, 7, 33, 999, 1001, 1203]
    assert all(equal(a, b) for a, b in zip(often[1203], once[1203]))
    assert all(equal(a, b) for a, b in zip(often[0], problem(seeds)[1]))


def test_rerun_is_bit_equal_and_inputs_stay():
    seeds = (1, 2)
    teacher, students, x = problem(seeds)
    first = trained(seeds, teacher, students, x)[300]
    kept = problem(seeds)
    assert equal(teacher, kept[0]) and torch.equal(x, kept[2]) and all(map(equal, students, kept[1]))
    assert all(map(equal, first, trained(seeds, teacher, students, x)[300]))


def test_diverged_member_is_flagged_and_leaves_the_others():
    seeds = (1, 2, 3)
    teacher, students, x = problem(seeds)
    calm = trained(seeds, teacher, students, x)[300]
    spoiled = students[1].weights[0].clone()
    spoiled[2] *= 1e200
    students[1] = Network((spoiled, students[1].weights[1]))
    result = trained(seeds, teacher, students, x)[300]
    assert not diverged(calm[1]).any() and not diverged(result[0]).any()
    assert diverged(result[1]).tolist() == [False, False, True, False, False, False]
    assert equal(result[0], calm[0])
    for i in (0, 1, 3, 4, 5):
        assert all(np.array_equal(a, b) for a, b in zip(member(result[1], i), member(calm[1], i)))


def test_success_decisions_of_float32_are_those_of_float64():
    seeds = tuple(range(1, 7))
    teacher, students, x = problem(seeds, scale=0.005)
    fresh = gaussian([stream(s, "evaluation") for s in seeds], 1000, DIM)
    decisions = {}
    for dtype in (torch.float32, torch.float64):
        after = trained(seeds, teacher.to(dtype), students, x.to(dtype), steps=3000)[3000]
        assert after[0].weights[0].dtype == dtype
        decisions[dtype] = torch.cat(
            [success(e.rho[0]) for e in evaluate(teacher.to(dtype), after, fresh.to(dtype))]
        )
    assert torch.equal(*decisions.values())
    # both outcomes occur, so agreement means something
    assert 0.1 < decisions[torch.float64].double().mean() < 0.9


@pytest.mark.parametrize(
    "changed, message",
    [
        (dict(snapshots=[]), "snapshots must be steps from 0 on"),
        (dict(snapshots=[-1, 2]), r"snapshots must be steps from 0 on.* got \[-1, 2\]"),
        (dict(students=[]), "at least one student"),
        (dict(teacher=None), "either a teacher or targets"),
        (dict(learning_rate=0.0), "learning rates must be positive"),
        (dict(learning_rate=[(3, 0.1)]), "start at step 0"),
        (dict(layer_rates=[1.0]), "layer_rates must be 2 factors"),
        (dict(layer_rates=[0.0, 0.0]), "not all 0"),
        (dict(layer_rates=[-1.0, 1.0]), "none negative"),
        (dict(biases=False), "teacher has biases that are not 0"),
        (dict(x=torch.zeros(2, 40, 5, dtype=torch.float64)), "teacher maps 6 inputs"),
        (
            dict(students=[small_students([stream(1, "s")] * 4, (DIM, 2, 4))]),
            "student 0 maps 6 inputs to 4 outputs",
        ),
        (
            dict(students=[small_students([stream(1, "s")] * 3, (DIM, 2, OUTPUTS))]),
            "student 0 has 3 members; need 4",
        ),
        (
            dict(teacher=Network((torch.ones(1, WIDTH, DIM + 1), torch.ones(4, OUTPUTS, WIDTH + 1)))),
            "teacher has 1 first layers; the 2 data sets need",
        ),
        (
            dict(students=[small_students([stream(1, "s")] * 4, (DIM, OUTPUTS))]),
            "student 0 needs a hidden layer",
        ),
    ],
)
def test_what_cannot_be_trained_is_refused_before_the_first_step(changed, message):
    teacher, students, x = problem((1, 2))
    given = dict(teacher=teacher, students=students, x=x, learning_rate=0.1, snapshots=[0, 10]) | changed
    batches = drawn(given.pop("x"), [stream(s, "batches") for s in (1, 2)], BATCH)
    with pytest.raises(ValueError, match=message):
        train(
            given.pop("teacher"),
            given.pop("students"),
            batches,
            on_snapshot=lambda *_: pytest.fail("training has begun"),
            **given,
        )


def test_cross_entropy_needs_two_outputs():
    draw = lambda purpose: [stream(seed, purpose) for seed in (1, 2, 7)]
    x = gaussian(draw("data"), 20, 6)
    with pytest.raises(ValueError, match="CrossEntropy.* at least 2 outputs, got 1"):
        train(
            deep_teachers(draw("teacher"), (6, 4, 1), x),
            [uniform_students(draw("start"), (6, 4, 1))],
            drawn(x, draw("batches"), 8),
            learning_rate=0.1,
            snapshots=[4],
            on_snapshot=lambda *_: None,
            loss=CrossEntropy(),
        )
