"""The training engine against autograd and torch's optimizers: every activation, loss and optimizer."""

import numpy as np
import pytest
import torch

from ts_core.activations import RELU, Activation, Erf, LeakyReLU, Linear, Square, Tanh
from ts_core.data import gaussian
from ts_core.losses import SQUARED_ERROR, CrossEntropy, SquaredError
from ts_core.networks import Network
from ts_core.streams import stream
from ts_core.teachers import random_networks
from ts_core.training.batches import drawn, fresh, given, shuffled
from ts_core.training.optimizers import SGD, Adam
from ts_core.training.sgd import diverged, train

DIM, OUTPUTS, SAMPLES, BATCH, STEPS = 5, 3, 40, 4, 300
SIZES = (DIM, 6, 4, OUTPUTS)


class Softplus(Activation):
    """An activation of one's own, with nothing but what it must have; it is neither 0 at 0 nor 1 at 1."""

    def value(self, z):
        return z.exp().log1p()

    def derivative(self, z):
        return z.sigmoid()


class Centred(SquaredError):
    """A loss of one's own, whose samples do not stand alone."""

    is_difference = False

    def residual(self, target, f):
        return target - f - (target - f).mean(2, keepdim=True)


VALUES = {
    RELU: torch.relu,
    LeakyReLU(0.2): lambda z: torch.nn.functional.leaky_relu(z, 0.2),
    Erf(): lambda z: torch.erf(z / 2**0.5),
    Tanh(): torch.tanh,
    Square(): torch.square,
    Linear(): lambda z: z,
    Softplus(): torch.nn.functional.softplus,
}
OPTIMIZERS = {
    "plain": (SGD(), lambda p: torch.optim.SGD(p, 0.01)),
    "decay": (SGD(weight_decay=0.1), lambda p: torch.optim.SGD(p, 0.01, weight_decay=0.1)),
    "momentum": (
        SGD(momentum=0.6, weight_decay=0.01),
        lambda p: torch.optim.SGD(p, 0.01, momentum=0.6, weight_decay=0.01),
    ),
    "adam": (
        Adam(weight_decay=0.01, betas=(0.8, 0.99), eps=1e-6),
        lambda p: torch.optim.Adam(p, 0.01, weight_decay=0.01, betas=(0.8, 0.99), eps=1e-6),
    ),
}


def losses_of(name):
    """Ours, and a plain one of the outputs (b, c) of teacher and student."""
    return {
        "squared": (SQUARED_ERROR, lambda t, f: (t - f).square().sum(1).mean() / 2),
        "centred": (Centred(), lambda t, f: (t - f - (t - f).mean(0)).square().sum(1).mean() / 2),
        "classes": (CrossEntropy(), lambda t, f: torch.nn.functional.cross_entropy(f, t.argmax(1))),
    }[name]


def streams(purpose, seeds):
    return [stream(seed, purpose) for seed in seeds]


def problem(seeds, activation, sizes=SIZES):
    teacher = random_networks(streams("teacher", seeds), (DIM, 4, OUTPUTS))
    start = random_networks(streams("start", seeds), sizes)
    student = Network(tuple(w / 2 for w in start.weights), activation)
    return teacher, student, gaussian(streams("data", seeds), SAMPLES, DIM, std=1.0)


def forward(weights, value, f):
    for w in weights[:-1]:
        f = value(f @ w[:, :-1].T + w[:, -1])
    return f @ weights[-1][:, :-1].T + weights[-1][:, -1]


def by_torch(teacher, student, value, batches, loss, optimizer, frozen=()):
    """One network at a time; ``batches`` are inputs (b, d). Returns the weights after all of them."""
    weights = [w.clone().requires_grad_() for w in student]
    moving = [w for l, w in enumerate(weights) if l not in frozen]
    steps = optimizer(moving)
    for x in batches:
        target = forward(teacher, torch.relu, x)
        steps.zero_grad()
        loss(target, forward(weights, value, x)).backward()
        steps.step()
    return [w.detach() for w in weights]


def ours(teacher, student, batches, steps=STEPS, **options):
    kept = []
    options = {"learning_rate": 0.01} | options
    train(
        teacher, [student], batches, snapshots=[steps], on_snapshot=lambda _, now: kept.extend(now), **options
    )
    return kept[0]


def distance(network, member, weights):
    return max((a[member] - b).abs().max() for a, b in zip(network.weights, weights))


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("activation", VALUES, ids=str)
def test_every_activation_and_optimizer_follows_autograd(activation, optimizer):
    seeds = (1, 2)
    teacher, student, x = problem(seeds, activation)
    settings, reference = OPTIMIZERS[optimizer]
    result = ours(teacher, student, drawn(x, streams("batches", seeds), BATCH), optimizer=settings)
    _, loss = losses_of("squared")
    for i, seed in enumerate(seeds):
        rows = stream(seed, "batches").integers(SAMPLES, size=(STEPS, BATCH))
        start = [w[i] for w in student.weights]
        taught = [w[i] for w in teacher.weights]
        expected = by_torch(taught, start, VALUES[activation], x[i][rows], loss, reference)
        assert distance(student, i, expected) > 0.05  # it has moved, so agreement means something
        assert distance(result, i, expected) < 1e-12


@pytest.mark.parametrize("loss", ["centred", "classes"])
@pytest.mark.parametrize("activation", [RELU, Erf()], ids=str)
def test_every_loss_follows_autograd(activation, loss):
    teacher, student, x = problem((1,), activation)
    settings, reference = losses_of(loss)
    result = ours(teacher, student, drawn(x, streams("batches", (1,)), BATCH), loss=settings)
    rows = stream(1, "batches").integers(SAMPLES, size=(STEPS, BATCH))
    one = lambda network: [w[0] for w in network.weights]
    plain = lambda p: torch.optim.SGD(p, 0.01)
    expected = by_torch(one(teacher), one(student), VALUES[activation], x[0][rows], reference, plain)
    assert distance(student, 0, expected) > 0.05
    assert distance(result, 0, expected) < 1e-12


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_layer_of_rate_zero_stays_and_the_others_move_as_before(optimizer):
    teacher, student, x = problem((1,), Tanh())
    settings, reference = OPTIMIZERS[optimizer]
    _, loss = losses_of("squared")
    rows = stream(1, "batches").integers(SAMPLES, size=(STEPS, BATCH))
    one = lambda network: [w[0] for w in network.weights]
    for frozen in (0, 1, 2):
        factors = [float(l != frozen) for l in range(3)]
        batches = drawn(x, streams("batches", (1,)), BATCH)
        result = ours(teacher, student, batches, optimizer=settings, layer_rates=factors)
        expected = by_torch(one(teacher), one(student), torch.tanh, x[0][rows], loss, reference, [frozen])
        assert torch.equal(result.weights[frozen], student.weights[frozen])
        assert distance(result, 0, expected) < 1e-12


def test_layers_may_have_rates_of_their_own():
    teacher, student, x = problem((1,), Erf(), (DIM, 6, OUTPUTS))
    for settings, cls in ((SGD(), torch.optim.SGD), (Adam(), torch.optim.Adam)):
        reference = lambda p, cls=cls: cls([dict(params=p[0], lr=0.02), dict(params=p[1], lr=0.001)])
        batches = drawn(x, streams("batches", (1,)), BATCH)
        result = ours(teacher, student, batches, optimizer=settings, layer_rates=[2.0, 0.1])
        rows = stream(1, "batches").integers(SAMPLES, size=(STEPS, BATCH))
        one = lambda network: [w[0] for w in network.weights]
        _, loss = losses_of("squared")
        value = VALUES[Erf()]
        expected = by_torch(one(teacher), one(student), value, x[0][rows], loss, reference)
        assert distance(result, 0, expected) < 1e-12


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_member_seven_alone_is_member_seven_among_thirty_two(optimizer):
    crowd, settings = tuple(range(1, 33)), OPTIMIZERS[optimizer][0]

    def result(seeds):
        teacher, student, x = problem(seeds, Erf())
        return ours(teacher, student, drawn(x, streams("batches", seeds), BATCH), optimizer=settings)

    among, alone = result(crowd), result((7,))
    assert distance(among, 6, [w[0] for w in alone.weights]) < 1e-12


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_diverged_member_leaves_the_others_bit_equal(optimizer):
    seeds, settings = (1, 2, 3), OPTIMIZERS[optimizer][0]
    teacher, student, x = problem(seeds, Square())
    batches = lambda: drawn(x, streams("batches", seeds), BATCH)
    calm = ours(teacher, student, batches(), optimizer=settings)
    spoiled = student.weights[0].clone()
    spoiled[1] = 1e200
    broken = Network((spoiled, *student.weights[1:]), student.activation)
    result = ours(teacher, broken, batches(), optimizer=settings)
    assert diverged(result).tolist() == [False, True, False]
    for a, b in zip(result.weights, calm.weights):
        assert torch.equal(a[::2], b[::2])


@pytest.mark.parametrize("activation", VALUES, ids=str)
def test_networks_without_biases_stay_without(activation):
    def bare(network):
        layers = [torch.cat([w[..., :-1], torch.zeros_like(w[..., :1])], 2) for w in network.weights]
        return Network(tuple(layers), network.activation)

    teacher, student, x = problem((1,), activation)
    teacher, student = bare(teacher), bare(student)
    _, loss = losses_of("squared")
    for settings, reference in OPTIMIZERS.values():
        batches = drawn(x, streams("batches", (1,)), BATCH)
        result = ours(teacher, student, batches, optimizer=settings, biases=False)
        assert all((w[..., -1] == 0).all() for w in result.weights)
        weights = [w[0, :, :-1].clone().requires_grad_() for w in student.weights]
        steps = reference(weights)
        for x_now in x[0][stream(1, "batches").integers(SAMPLES, size=(STEPS, BATCH))]:
            f = x_now
            for w in weights[:-1]:
                f = VALUES[activation](f @ w.T)
            steps.zero_grad()
            loss(forward([w[0] for w in teacher.weights], torch.relu, x_now), f @ weights[-1].T).backward()
            steps.step()
        expected = [torch.nn.functional.pad(w.detach(), (0, 1)) for w in weights]
        assert distance(student, 0, expected) > 0.05
        assert distance(result, 0, expected) < 1e-12


def test_given_rows_of_any_size_are_those_of_a_plain_loop():
    teacher, student, x = problem((1, 2), RELU)
    generator = np.random.default_rng(0)
    rows = [generator.integers(SAMPLES, size=(2, size)) for size in (4, 4, 7, 1, 4, 7)]
    result = ours(teacher, student, given(x, rows), steps=len(rows))
    _, loss = losses_of("squared")
    for i in range(2):
        batches = [x[i][step[i]] for step in rows]
        taught, start = ([w[i] for w in network.weights] for network in (teacher, student))
        plain = lambda p: torch.optim.SGD(p, 0.01)
        expected = by_torch(taught, start, torch.relu, batches, loss, plain)
        assert distance(result, i, expected) < 1e-13


def test_rows_for_all_data_sets_are_shared():
    teacher, student, x = problem((1, 2), RELU)
    rows = np.arange(12).reshape(3, 4)
    both = [np.stack([step, step]) for step in rows]
    shared, apart = (ours(teacher, student, given(x, r), steps=3) for r in (rows, both))
    assert all(torch.equal(a, b) for a, b in zip(shared.weights, apart.weights))


def test_an_epoch_keeps_or_drops_the_partial_batch():
    teacher, student, x = problem((1, 2), RELU)  # 40 samples
    orders = [stream(seed, "order") for seed in (1, 2)]
    epochs = [[g.permutation(SAMPLES) for g in orders] for _ in range(2)]
    for drop_last, cuts in ((True, [16, 32]), (False, [16, 32, 40])):
        rows = [np.stack(epoch)[:, cut - 16 if cut < 40 else 32 : cut] for epoch in epochs for cut in cuts]
        expected = ours(teacher, student, given(x, rows), steps=len(rows))
        batches = shuffled(x, [stream(seed, "order") for seed in (1, 2)], 16, drop_last=drop_last)
        result = ours(teacher, student, batches, steps=len(rows))
        assert all(torch.equal(a, b) for a, b in zip(result.weights, expected.weights))


def test_fresh_samples_are_seen_once_and_in_order():
    teacher, student, _ = problem((1, 2), RELU)
    draw = lambda: (lambda g: lambda count: gaussian(g, count, DIM))(streams("fresh", (1, 2)))
    x = draw()(12 * 4)
    expected = ours(teacher, student, given(x, np.arange(48).reshape(12, 4)), steps=12)
    for steps in (1, 5):
        result = ours(teacher, student, fresh(draw(), 4, steps), steps=12)
        assert all(torch.equal(a, b) for a, b in zip(result.weights, expected.weights))


def test_targets_may_stand_in_for_the_teacher():
    teacher, student, x = problem((1, 2), RELU)
    outputs = torch.stack([forward([w[i] for w in teacher.weights], torch.relu, x[i]) for i in range(2)])
    batches = lambda targets=None: drawn(x, streams("batches", (1, 2)), BATCH, targets)
    taught, told = ours(teacher, student, batches()), ours(None, student, batches(outputs))
    assert all((a - b).abs().max() < 1e-12 for a, b in zip(taught.weights, told.weights))
    noisy = ours(None, student, batches(outputs + 1))
    assert (noisy.weights[-1] - told.weights[-1]).abs().max() > 0.01


def test_members_that_share_samples_may_have_targets_of_their_own():
    _, student, x = problem((1, 2), RELU)
    targets = torch.from_numpy(stream(0, "targets").standard_normal((2, SAMPLES, OUTPUTS)))
    together = ours(None, student, drawn(x[:1], streams("batches", (1,)), BATCH, targets))
    for i in range(2):
        one = Network(tuple(w[i : i + 1] for w in student.weights))
        alone = ours(None, one, drawn(x[:1], streams("batches", (1,)), BATCH, targets[i : i + 1]))
        assert distance(together, i, [w[0] for w in alone.weights]) < 1e-12


def test_fresh_targets_come_with_their_samples():
    _, student, x = problem((1, 2), RELU)
    targets = torch.from_numpy(stream(0, "targets").standard_normal((2, SAMPLES, OUTPUTS)))
    parts = iter([slice(20), slice(20, 40), slice(0)])
    draw = lambda count: (lambda part: (x[:, part], targets[:, part]))(next(parts))
    result = ours(None, student, fresh(draw, 4), steps=9)
    rows = np.arange(SAMPLES).reshape(10, 4)
    expected = ours(None, student, given(x, rows, targets), steps=9)
    assert all(torch.equal(a, b) for a, b in zip(result.weights, expected.weights))


X = torch.zeros(2, SAMPLES, DIM, dtype=torch.float64)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: drawn(X, streams("b", (1, 2)), 0), r"batch_size must lie in 1\.\.40 .*got 0"),
        (lambda: shuffled(X, streams("b", (1, 2)), 41), r"batch_size must lie in 1\.\.40 .*got 41"),
        (lambda: drawn(X, [], 4), r"one batch generator per data set \(2\), got 0"),
        (lambda: drawn(X, streams("b", (1, 2)), 4, X[:, 1:]), r"targets must be \(t, 40, c\)"),
        (lambda: given(X, [], X[:1]), "t a multiple of 2 data sets"),
        (lambda: fresh(lambda count: X[:, :count], 0), "at least one sample"),
        (lambda: SGD(momentum=1.0), r"momentum must lie in \[0, 1\), got 1.0"),
        (lambda: SGD(weight_decay=-1.0), "weight_decay must be at least 0, got -1.0"),
        (lambda: Adam(betas=(0.9, 1.0)), "betas must be two numbers"),
        (lambda: Adam(eps=0.0), "eps must be positive, got 0.0"),
    ],
)
def test_batches_and_optimizers_that_cannot_be_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    "rows, message", [([[1, 2], [3, 40]], r"0\.\.39, got \[ 3 40\]"), ([[-1]], "got"), ([[]], "got")]
)
def test_rows_that_the_data_do_not_have_are_refused(rows, message):
    teacher, student, x = problem((1, 2), RELU)
    with pytest.raises(ValueError, match=message):
        ours(teacher, student, given(x, rows), steps=len(rows))


def test_too_few_batches_are_said():
    teacher, student, x = problem((1, 2), RELU)
    with pytest.raises(ValueError, match="end after step 2, before the last snapshot, 5"):
        ours(teacher, student, given(x, [[0], [1]]), steps=5)
