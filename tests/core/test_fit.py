"""Training through autograd: members that do not couple, plain loops and closed forms beside it."""

import re
from copy import deepcopy
from functools import partial
from itertools import repeat

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from ts_core.convnets import NORMS, evaluating, masks, start, strongest
from ts_core.data import gaussian
from ts_core.networks import Network, forward
from ts_core.streams import stream
from ts_core.teachers import small_students, two_layer_teachers
from ts_core.training import sgd
from ts_core.training.batches import drawn
from ts_core.training.fit import cosine_rates, fit, keep_zero, logit_loss, train

MOMENTUM = partial(torch.optim.SGD, momentum=0.9)
RULES = {"sgd": torch.optim.SGD, "momentum": MOMENTUM, "adam": torch.optim.Adam, "adamw": torch.optim.AdamW}


def fitted(objective, parameters, batches, steps, optimizer=torch.optim.SGD, rate=0.05, **options):
    """Parameters after the last step."""
    seen = []
    fit(
        objective,
        parameters,
        batches,
        optimizer=optimizer,
        learning_rate=rate,
        snapshots=[steps],
        on_snapshot=lambda step, now: seen.append(now),
        **options,
    )
    return seen[0]


def two_layers(parameters, x, target):
    """Loss of every member on its own inputs ``(e, b, d)``."""
    f = (x @ parameters["lower"].mT + parameters["bias"][:, None]).clamp(min=0)
    return 0.5 * (target - f @ parameters["upper"].mT).square().sum(2).mean(1)


def problem(seeds):
    """Start, and batches of inputs and targets, of one two-layer network per seed."""
    draws = [stream(seed, "fit") for seed in seeds]
    stacked = lambda *shape: torch.from_numpy(np.stack([d.normal(size=shape) for d in draws]))
    parameters = {"lower": stacked(5, 4), "bias": stacked(5), "upper": stacked(3, 5)}
    return parameters, [(stacked(8, 4), stacked(8, 3)) for _ in range(40)]


def test_perceptrons_follow_the_ensemble_engine():
    seeds, steps, batch = (1, 2, 7), 50, 4
    of = lambda purpose: [stream(seed, purpose) for seed in seeds]
    teacher = two_layer_teachers(of("teacher"), 6, 2, 3, [1.0])
    students, x = small_students(of("start"), (6, 4, 3), 0.3), gaussian(of("data"), 40, 6)
    by_engine = []
    sgd.train(
        teacher,
        [students],
        drawn(x, of("batches"), batch),
        learning_rate=0.05,
        snapshots=[steps],
        on_snapshot=lambda step, now: by_engine.extend(now[0].weights),
    )

    def objective(parameters, x):
        student = Network((parameters["lower"], parameters["upper"]))
        residual = forward(teacher, x)[1][-1] - forward(student, x)[1][-1]
        return 0.5 * residual.square().sum(2).mean(1)

    picks = [g.integers(40, size=(steps, batch)) for g in of("batches")]
    batches = [(torch.stack([data[p[step]] for data, p in zip(x, picks)]),) for step in range(steps)]
    before = dict(zip(("lower", "upper"), students.weights))
    after = fitted(objective, before, batches, steps)
    for name, engine in zip(before, by_engine):
        assert (after[name] - before[name]).abs().amax((1, 2)).min() > 0.05  # every member has moved
        torch.testing.assert_close(after[name], engine, rtol=0, atol=1e-12)


@pytest.mark.parametrize("rule", RULES)
def test_a_member_alone_equals_itself_among_four(rule):
    parameters, batches = problem((1, 2, 3, 4))
    among = fitted(two_layers, parameters, batches, 40, RULES[rule])
    alone = fitted(two_layers, *problem((2,)), 40, RULES[rule])
    for name, values in alone.items():
        assert (values - parameters[name][1]).abs().max() > 0.1
        torch.testing.assert_close(values[0], among[name][1], rtol=0, atol=1e-12)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("start", [np.nan, 1e200])
def test_a_member_that_diverges_becomes_nan_and_leaves_the_others_as_they_are(rule, start):
    parameters, batches = problem((1, 2, 3, 4))
    healthy = fitted(two_layers, parameters, batches, 40, RULES[rule])
    parameters["lower"][1] = start
    with_broken = fitted(two_layers, parameters, batches, 40, RULES[rule])
    others = [0, 2, 3]
    for name, values in healthy.items():
        assert torch.equal(with_broken[name][others], values[others]) and values.isfinite().all()
    assert with_broken["upper"][1].isnan().all()


def test_snapshots_are_copies_at_their_steps_and_the_start_stays():
    target, given = torch.arange(6.0).view(2, 3), {"w": torch.zeros(2, 3)}
    drawn, seen = [], {}

    def batches():
        for number in range(100):
            drawn.append(number)
            yield ()

    def see(step, now):
        seen[step] = now["w"].clone()
        now["w"] += 100  # a copy: training goes on from its own

    fit(
        lambda parameters: 0.5 * (parameters["w"] - target).square().sum(1),
        given,
        batches(),
        optimizer=torch.optim.SGD,
        learning_rate=0.5,
        snapshots=[3, 0, 5],
        on_snapshot=see,
    )
    assert list(seen) == [0, 3, 5] and drawn == [0, 1, 2, 3, 4]  # no batch beyond the last step
    for step, w in seen.items():
        torch.testing.assert_close(w, target * (1 - 0.5**step))
    assert not given["w"].any() and not given["w"].requires_grad


def test_every_step_has_its_own_rate():
    rates = cosine_rates(0.5, 20)
    slope = lambda parameters, x: parameters["w"] * x
    after = fitted(slope, {"w": torch.zeros(2)}, repeat((torch.tensor([1.0, -2.0]),)), 20, rate=rates)
    torch.testing.assert_close(after["w"], rates.sum() * torch.tensor([-1.0, 2.0]))
    first = fitted(slope, {"w": torch.zeros(2)}, repeat((torch.ones(2),)), 3, rate=rates)
    torch.testing.assert_close(first["w"], torch.full((2,), -float(rates[:3].sum())))


def test_inputs_are_attacked_by_projected_ascent_and_nothing_else_is_trained():
    """A linear function is largest over a ball of radius r at r times its direction."""
    weight = torch.from_numpy(stream(1, "attack").normal(size=(4, 6))).requires_grad_()
    radius = torch.tensor([0.1, 1.0, 2.0, 5.0], dtype=torch.float64)[:, None]

    def into_ball(parameters):
        delta = parameters["delta"]
        delta.mul_((radius / delta.norm(dim=1, keepdim=True)).clamp(max=1))

    after = fitted(
        lambda parameters, x: -((x + parameters["delta"]) * weight).sum(1),
        {"delta": torch.zeros(4, 6, dtype=torch.float64)},
        repeat((torch.ones(4, 6, dtype=torch.float64),)),
        60,
        rate=0.5,
        after_step=into_ball,
    )
    expected = radius * weight.detach() / weight.detach().norm(dim=1, keepdim=True)
    torch.testing.assert_close(after["delta"], expected)
    assert weight.grad is None


@pytest.mark.parametrize(
    "options, message",
    [
        (dict(snapshots=[]), "snapshots must be step numbers from 0 on, got []"),
        (dict(snapshots=[-1, 4]), "from 0 on, got [-1, 4]"),
        (dict(learning_rate=[0.1] * 3), "a learning rate for each of 4 steps, got 3"),
        (dict(learning_rate=-0.1), "must be finite and not negative, got -0.1"),
        (dict(learning_rate=[0.1, 0.1, np.nan, 0.1]), "must be finite and not negative, got nan"),
        (dict(batches=[()] * 3), "the batches ended at step 3, the last snapshot is at 4"),
    ],
)
def test_what_cannot_be_fitted_is_refused(options, message):
    usual = dict(batches=repeat(()), optimizer=torch.optim.SGD, learning_rate=0.1, snapshots=[0, 4])
    seen = []
    with pytest.raises(ValueError, match=re.escape(message)):
        fit(
            lambda parameters: parameters["w"].square(),
            {"w": torch.ones(2)},
            **usual | options,
            on_snapshot=lambda step, now: seen.append(step),
        )
    assert seen == ([0] if "batches" in options else [])


def pictures(batches, seed=1, side=8):
    """Batches of normalized pixels and labels."""
    draws = stream(seed, "pictures")
    normal = lambda: torch.from_numpy(draws.normal(size=(12, 3, side, side)))
    return [(normal(), torch.from_numpy(draws.integers(0, 10, 12))) for _ in range(batches)]


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("rule", ["momentum", "adamw"])
def test_one_network_follows_a_plain_loop_with_its_running_moments(norm, rule):
    network, batches, rates = (
        start(stream(3, "start"), (4, 5), 8, norm=norm),
        pictures(6),
        [0.1, 0.05, 0.02] * 2,
    )
    before, plain, losses, seen = deepcopy(network), deepcopy(network).train(), [], {}
    optimizer = RULES[rule](plain.parameters())
    for (x, labels), rate in zip(batches, rates):
        optimizer.zero_grad()
        value = cross_entropy(plain(x)[1], labels)
        value.backward()
        optimizer.param_groups[0]["lr"] = rate
        optimizer.step()
        losses.append(value.item())
    train(
        network,
        batches,
        cross_entropy,
        optimizer=RULES[rule],
        learning_rate=rates,
        snapshots=[0, 2, 6],
        on_snapshot=lambda step, now, loss: seen.update({step: (now, loss)}),
    )
    assert list(seen) == [0, 2, 6] and np.isnan(seen[0][1])
    assert seen[2][1] == pytest.approx(np.mean(losses[:2])) and seen[6][1] == pytest.approx(
        np.mean(losses[2:])
    )
    for now, expected in ((seen[0][0], before), (seen[6][0], plain), (network, before)):
        for (name, value), other in zip(
            now.state_dict().items(), expected.state_dict().values(), strict=True
        ):
            assert torch.equal(value, other), name
    x = batches[0][0]
    assert torch.equal(
        seen[6][0](x)[1], evaluating(plain)(x)[1]
    )  # a snapshot normalizes with running moments
    assert (seen[0][0](x)[1] - seen[6][0](x)[1]).abs().max() > 0.01


def test_the_mean_loss_counts_samples():
    network, ((x, labels), _), seen = start(stream(3, "start"), (4,), 8, norm="none"), pictures(2), []
    train(
        network,
        [(x[:3], labels[:3]), (x[3:], labels[3:])],
        cross_entropy,
        optimizer=torch.optim.SGD,
        learning_rate=0.0,
        snapshots=[2],
        on_snapshot=lambda step, now, loss: seen.append(loss),
    )
    assert seen == [pytest.approx(cross_entropy(network(x)[1], labels).item())]


@pytest.mark.parametrize("rule", ["momentum", "adamw"])
def test_what_is_pruned_stays_zero_in_fine_tuning(rule):
    network, seen = start(stream(3, "start"), (5, 6), 8), []
    zero = masks(network, strongest(network, (0.4, 0.5)))
    with torch.no_grad():
        keep_zero(zero)(dict(network.named_parameters()))
    train(
        network,
        pictures(5),
        cross_entropy,
        optimizer=RULES[rule],
        learning_rate=0.01,
        snapshots=[5],
        on_snapshot=lambda step, now, loss: seen.append(now),
        after_step=keep_zero(zero),
    )
    for name, mask in zero.items():
        now, before = seen[0].get_parameter(name), network.get_parameter(name)
        assert (now[mask == 0] == 0).all() and (mask == 0).any()
        assert (now[mask == 1] != before[mask == 1]).any()


@pytest.mark.parametrize("norm", NORMS)
def test_students_learn_the_outputs(norm):
    teacher = evaluating(start(stream(1, "teacher"), (2, 2), 8, norm=norm))
    x, losses = torch.cat([x for x, _ in pictures(4)]), []
    train(
        start(stream(1, "student"), (6, 6), 8, norm=norm),
        repeat((x, teacher(x)[1])),
        logit_loss,
        optimizer=torch.optim.Adam,
        learning_rate=0.01,
        snapshots=[1, 150, 151],
        on_snapshot=lambda step, now, loss: losses.append(loss),
    )
    assert losses[-1] < 0.05 * losses[0]


def test_the_loss_is_the_one_of_the_book():
    y, target = torch.tensor([[1.0, 2.0], [0.0, 0.0]]), torch.tensor([[0.0, 0.0], [0.0, 4.0]])
    assert logit_loss(y, target) == pytest.approx((0.5 * 5 + 0.5 * 16) / 2)


def test_learning_rates_rise_then_fall_to_zero():
    rates = cosine_rates(0.5, 100)
    assert rates[9] == pytest.approx(0.5) and rates.max() <= 0.5 and rates[-1] == pytest.approx(0, abs=1e-12)
    assert (np.diff(rates[:10]) > 0).all() and (np.diff(rates[9:]) < 0).all()
