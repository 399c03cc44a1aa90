"""Batch normalization: values against torch's, the gradient against autograd, what it is orthogonal to."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ts_core.theory.batchnorm import active_share, backward, normalize


def drawn(seed=0, samples=30, nodes=4):
    g = torch.Generator().manual_seed(seed)
    f = torch.randn(samples, nodes, generator=g).double()
    return f, torch.randn(nodes, generator=g).double(), torch.randn(nodes, generator=g).double()


def test_values_are_torchs():
    f, scale, shift = drawn()
    layer = torch.nn.BatchNorm1d(4, eps=1e-3).double()
    layer.load_state_dict(layer.state_dict() | {"weight": scale, "bias": shift})
    torch.testing.assert_close(normalize(f, scale, shift, 1e-3), layer(f))


@given(st.integers(0, 1000), st.sampled_from([0.0, 1e-5, 0.3]))
@settings(max_examples=20, deadline=None)
def test_the_gradient_is_autograds(seed, eps):
    f, scale, shift = drawn(seed)
    f.requires_grad_()
    y = normalize(f, scale, shift, eps)
    y.retain_grad()
    y.sin().sum().backward()
    torch.testing.assert_close(backward(y.grad, f.detach(), scale, eps), f.grad, rtol=1e-9, atol=1e-11)


def test_it_is_orthogonal_to_one_and_to_f():
    f, scale, _ = drawn()
    g = torch.randn(30, 4, generator=torch.Generator().manual_seed(1)).double()
    exact, loose = (backward(g, f, scale, eps) for eps in (0.0, 0.1))
    assert exact.sum(0).abs().max() < 1e-12 and (exact * f).sum(0).abs().max() < 1e-12
    assert loose.sum(0).abs().max() < 1e-12 and (loose * f).sum(0).abs().max() > 1e-3


def test_a_negative_bias_is_active_less_than_half_of_the_time():
    z = torch.randn(200_000, generator=torch.Generator().manual_seed(0)).double()
    for shift, scale in ((-0.2, 0.25), (0.1, -0.3)):
        assert (scale * z + shift > 0).double().mean().item() == pytest.approx(
            active_share(shift, scale), abs=5e-3
        )
    assert active_share(0.0, 2.0) == 0.5 > active_share(-0.1, 2.0)
    with pytest.raises(ValueError, match="scale must not be 0"):
        active_share(0.1, 0.0)
