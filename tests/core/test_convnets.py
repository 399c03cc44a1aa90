"""Convolutional networks: pruning in the right order, masks, correlations by a plain computation."""

import numpy as np
import pytest
import torch

from ts_core.convnets import ConvNet, as_samples, compact, evaluating, fan_out, masks, place, start, strongest
from ts_core.metrics import RunningCorrelation, correlation
from ts_core.streams import stream
from ts_core.training.fit import cosine_rates, logit_loss, train

CPU = torch.device("cpu")


def network(widths=(5, 4, 4, 6), side=12, seed=1) -> ConvNet:
    """A ConvNet whose normalizations do something."""
    made, draws = start(stream(seed, "network"), widths, side), stream(seed, "norms")
    for norm in made.norms:
        norm.weight.data = torch.from_numpy(draws.uniform(-1.5, 1.5, norm.num_features))
        norm.bias.data = torch.from_numpy(draws.normal(size=norm.num_features))
        norm.running_mean.copy_(torch.from_numpy(draws.uniform(0, 1, norm.num_features)))
        norm.running_var.copy_(torch.from_numpy(draws.uniform(0.5, 2, norm.num_features)))
    return made


def images(count=20, side=12, seed=2) -> torch.Tensor:
    """Pixels 0..255, normalized, float64."""
    pixels = stream(seed, "pixels").integers(0, 256, (count, 3, side, side))
    return (torch.from_numpy(pixels).double() / 255 - 0.47) / 0.2


def test_layers_are_convolution_relu_then_normalization():
    made, x = evaluating(network()), images(3)
    activations, y = made(x)
    below = x
    for conv, norm, f in zip(made.convs, made.norms, activations):
        h, w = below.shape[2:]
        windows = below.unfold(2, 3, 1).unfold(3, 3, 1)  # (b, c, h - 2, w - 2, 3, 3)
        z = torch.einsum("bchwij,ncij->bnhw", windows, conv.weight) + conv.bias[:, None, None]
        torch.testing.assert_close(f, z.clamp(min=0))
        scale = norm.weight / (norm.running_var + norm.eps).sqrt()
        below = (f - norm.running_mean[:, None, None]) * scale[:, None, None] + norm.bias[:, None, None]
        assert f.shape[2:] == (h - 2, w - 2)
    torch.testing.assert_close(y, below.reshape(3, -1) @ made.top.weight.T + made.top.bias)


def test_too_many_layers_for_an_image_are_refused():
    with pytest.raises(ValueError, match="images of 8 pixels and widths .* leave nothing"):
        ConvNet((2, 2, 2, 2), 8)


def test_fan_out_by_hand():
    made = network((2, 3), side=6)
    expected = [
        [made.convs[1].weight[:, c].abs().mean().item() for c in range(2)],
        [
            np.mean([made.top.weight[o, c * 4 + at].abs().item() for o in range(10) for at in range(4)])
            for c in range(3)
        ],
    ]
    for strength, hand in zip(fan_out(made), expected):
        torch.testing.assert_close(strength, torch.tensor(hand, dtype=torch.float64))


def test_the_weakest_channels_go_and_ties_keep_their_order():
    made = network((4, 4), side=6)
    with torch.no_grad():
        made.convs[1].weight[:] = 1.0
        made.convs[1].weight[:, 2] = 0.1
        made.top.weight[:] = 1.0
    first, second = strongest(made, (0.3, 0.5))
    assert first.tolist() == [True, True, False, True]  # int(0.3 * 4) = 1 channel
    assert second.tolist() == [False, False, True, True]  # equal channels: the first ones go
    assert [k.sum().item() for k in strongest(network((64,) * 4, 12), (0.3, 0.5, 0.5, 0.7))] == [
        45,
        32,
        32,
        20,
    ]
    with pytest.raises(ValueError, match="zip"):
        strongest(made, (0.5,))


def test_the_released_order_prunes_positions_and_keeps_every_channel():
    """It reads the linear layer as (outputs, positions, channels);
    activations are flattened channel by channel.
    """
    made = network((2, 2, 2, 64), side=32)
    weight, channels = made.top.weight.detach(), 64
    by_position = weight.reshape(10, -1, channels).abs().mean((0, 1))
    mask = torch.ones(10, weight.shape[1] // channels, channels)
    mask[:, :, by_position.argsort()[: int(0.7 * channels)]] = 0
    left = (weight * mask.reshape(weight.shape)).reshape(10, channels, -1).abs().amax((0, 2)) > 0
    assert left.sum() == 64  # released: every channel still reaches the output
    right = masks(made, strongest(made, (0.0, 0.0, 0.0, 0.7)))["top.weight"]
    assert ((weight * right).reshape(10, channels, -1).abs().amax((0, 2)) > 0).sum() == 20


def pruned(made, ratios=(0.3, 0.5, 0.5, 0.7)):
    active = strongest(made, ratios)
    zero = masks(made, active)
    with torch.no_grad():
        for name, mask in zero.items():
            made.get_parameter(name).mul_(mask)
    return active, zero


def test_without_its_pruned_channels_the_network_is_the_same_function():
    made, x = network(), images()
    active, _ = pruned(made)
    (f, y), (g, z) = evaluating(made)(x), evaluating(compact(made, active))(x)
    torch.testing.assert_close(y, z, rtol=1e-12, atol=1e-12)
    for keep, whole, small in zip(active, f, g):
        assert small.shape[1] == keep.sum()
        torch.testing.assert_close(whole[:, keep], small)


@pytest.mark.parametrize("rule", [torch.optim.SGD, torch.optim.AdamW])
def test_masks_stay_zero_in_fine_tuning(rule):
    made, x = network(), images()
    _, zero = pruned(made)
    before = {name: p.detach().clone() for name, p in made.named_parameters()}
    options = dict(momentum=0.9) if rule is torch.optim.SGD else {}
    batches = [(x, torch.arange(20) % 10)] * 5
    train(
        made,
        batches,
        torch.nn.functional.cross_entropy,
        rule(made.parameters(), lr=0.01, **options),
        [0.01] * 5,
        zero,
    )
    for name, mask in zero.items():
        now = made.get_parameter(name)
        assert (now[mask == 0] == 0).all() and (mask == 0).any()
        assert (now[mask == 1] != before[name][mask == 1]).any()


def plain_correlation(f_t: torch.Tensor, f_s: torch.Tensor) -> np.ndarray:
    """numpy.corrcoef of every pair of channels, all images and positions at once."""
    t, s = (f.double().permute(1, 0, 2, 3).flatten(1).numpy() for f in (f_t, f_s))
    with np.errstate(invalid="ignore"):  # a channel that never answers has no correlation
        return np.corrcoef(t, s)[: len(t), len(t) :]


@pytest.mark.parametrize("dtype, tolerance", [(torch.float64, 1e-10), (torch.float32, 2e-5)])
def test_correlations_by_running_moments_equal_a_plain_computation(dtype, tolerance):
    teacher, student = network(), network((7, 8, 5, 9), seed=3)
    with torch.no_grad():
        teacher.convs[0].bias[0] += 50.0  # always on: its mean is large against its spread
        teacher.norms[0].running_mean[0] += 50.0
    teacher, student = (evaluating(place(n, CPU, dtype)) for n in (teacher, student))
    x, running = images(30).to(dtype), [RunningCorrelation() for _ in teacher.convs]
    for chunk in x.split(7):
        for layer, f_t, f_s in zip(running, teacher(chunk)[0], student(chunk)[0], strict=True):
            layer.add(as_samples(f_t), as_samples(f_s))
    whole = zip(teacher(x)[0], student(x)[0], strict=True)
    for layer, (rho, (f_t, f_s)) in enumerate(
        zip((found.value()[0] for found in running), whole, strict=True)
    ):
        assert rho.dtype == torch.float64 and rho.shape == (teacher.widths[layer], student.widths[layer])
        expected = plain_correlation(f_t, f_s)
        constant = ~np.isfinite(expected)
        assert (rho.numpy()[constant] == 0).all()
        np.testing.assert_allclose(rho.numpy()[~constant], expected[~constant], atol=tolerance)


def test_a_copy_correlates_one_and_a_dead_channel_zero():
    teacher = network()
    with torch.no_grad():
        teacher.convs[1].bias[2] = -1e6
    teacher = evaluating(teacher)
    f = teacher(images())[0]
    assert not f[1][:, 2].any()
    for now in f:
        rho = correlation(as_samples(now), as_samples(now))[0]
        alive = now.amax((0, 2, 3)) > 0
        assert (rho[~alive] == 0).all() and (rho[:, ~alive] == 0).all() and alive.sum() > 1
        torch.testing.assert_close(
            rho.diagonal()[alive], torch.ones(alive.sum(), dtype=torch.float64), rtol=0, atol=1e-7
        )


def test_students_learn_the_outputs():
    teacher, x = evaluating(network((2, 2), side=8)), images(40, 8)
    target = teacher(x)[1]
    student = start(stream(1, "student"), (6, 6), 8)
    rule = torch.optim.Adam(student.parameters(), lr=0.01)
    losses = [train(student, [(x, target)], logit_loss, rule, [0.01]) for _ in range(150)]
    assert losses[-1] < 0.02 * losses[0]


def test_the_loss_is_the_one_of_the_book():
    y, target = torch.tensor([[1.0, 2.0], [0.0, 0.0]]), torch.tensor([[0.0, 0.0], [0.0, 4.0]])
    assert logit_loss(y, target) == pytest.approx((0.5 * 5 + 0.5 * 16) / 2)


def test_learning_rates_rise_then_fall_to_zero():
    rates = cosine_rates(0.5, 100)
    assert rates[9] == pytest.approx(0.5) and rates.max() <= 0.5 and rates[-1] == pytest.approx(0, abs=1e-12)
    assert (np.diff(rates[:10]) > 0).all() and (np.diff(rates[9:]) < 0).all()
