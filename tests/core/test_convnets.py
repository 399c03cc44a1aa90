"""Convolutional networks: pruning in the right order, masks, correlations by a plain computation."""

import numpy as np
import pytest
import torch

from ts_core.convnets import (
    NORMS,
    ConvNet,
    as_samples,
    compact,
    evaluating,
    fan_out,
    masks,
    place,
    start,
    strongest,
)
from ts_core.metrics import RunningCorrelation, correlation
from ts_core.streams import stream

CPU = torch.device("cpu")


def network(widths=(5, 4, 4, 6), side=12, seed=1, norm="after") -> ConvNet:
    """A ConvNet whose normalizations do something."""
    made, draws = start(stream(seed, "network"), widths, side, norm=norm), stream(seed, "norms")
    for layer in made.norms if norm != "none" else ():
        layer.weight.data = torch.from_numpy(draws.uniform(-1.5, 1.5, layer.num_features))
        layer.bias.data = torch.from_numpy(draws.normal(size=layer.num_features))
        layer.running_mean.copy_(torch.from_numpy(draws.uniform(0, 1, layer.num_features)))
        layer.running_var.copy_(torch.from_numpy(draws.uniform(0.5, 2, layer.num_features)))
    return made


def images(count=20, side=12, seed=2) -> torch.Tensor:
    """Pixels 0..255, normalized, float64."""
    pixels = stream(seed, "pixels").integers(0, 256, (count, 3, side, side))
    return (torch.from_numpy(pixels).double() / 255 - 0.47) / 0.2


def normalized(norm: torch.nn.BatchNorm2d, f: torch.Tensor) -> torch.Tensor:
    """What a normalization makes of ``(b, n, h, w)``, by its running moments."""
    scale = norm.weight / (norm.running_var + norm.eps).sqrt()
    return (f - norm.running_mean[:, None, None]) * scale[:, None, None] + norm.bias[:, None, None]


@pytest.mark.parametrize("order", NORMS)
def test_layers_are_convolution_relu_and_normalization_in_the_order_asked_for(order):
    made, x = evaluating(network(norm=order)), images(3)
    activations, y = made(x)
    below = x
    for conv, norm, f in zip(made.convs, made.norms, activations):
        h, w = below.shape[2:]
        windows = below.unfold(2, 3, 1).unfold(3, 3, 1)  # (b, c, h - 2, w - 2, 3, 3)
        z = torch.einsum("bchwij,ncij->bnhw", windows, conv.weight) + conv.bias[:, None, None]
        if order == "before":
            z = normalized(norm, z)
        torch.testing.assert_close(f, z.clamp(min=0))
        below = normalized(norm, f) if order == "after" else f
        assert f.shape[2:] == (h - 2, w - 2) and (f == 0).any()
    torch.testing.assert_close(y, below.reshape(3, -1) @ made.top.weight.T + made.top.bias)


def test_the_bias_of_a_convolution_has_no_effect_in_training_before_relu_only():
    x = images(8)
    for order, same in (("before", True), ("after", False), ("none", False)):
        made = network(norm=order).train()
        before = made(x)[1]
        with torch.no_grad():
            made.convs[0].bias += 0.5
        assert torch.allclose(made(x)[1], before, rtol=0, atol=1e-9) == same, order


def test_an_unknown_order_is_refused():
    with pytest.raises(ValueError, match="norm must be one of after, before, none, got 'batch'"):
        ConvNet((2,), 8, norm="batch")


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
    with torch.no_grad():
        for name, mask in masks(made, active).items():
            made.get_parameter(name).mul_(mask)
    return active


@pytest.mark.parametrize("norm", NORMS)
def test_without_its_pruned_channels_the_network_is_the_same_function(norm):
    made, x = network(norm=norm), images()
    active = pruned(made)
    (f, y), (g, z) = evaluating(made)(x), evaluating(compact(made, active))(x)
    torch.testing.assert_close(y, z, rtol=1e-12, atol=1e-12)
    assert y.std(0).min() > 1e-6  # outputs depend on the images, far above the tolerance
    for keep, whole, small in zip(active, f, g):
        assert small.shape[1] == keep.sum()
        torch.testing.assert_close(whole[:, keep], small)


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
