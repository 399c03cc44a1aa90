"""Activations against torch.autograd, and their in-place forms against the plain ones."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ts_core.activations import RELU, Erf, LeakyReLU, Linear, Square, Tanh

ALL = [RELU, LeakyReLU(0.1), Erf(), Tanh(), Square(), Linear()]
DTYPES = {torch.float32: 1e-6, torch.float64: 1e-15}


@pytest.mark.parametrize("activation", ALL, ids=str)
def test_the_derivative_is_that_of_autograd(activation):
    z = torch.linspace(-3, 3, 61, dtype=torch.float64).requires_grad_()  # with 0, where ReLU has a kink
    (expected,) = torch.autograd.grad(activation.value(z).sum(), z)
    torch.testing.assert_close(activation.derivative(z.detach()), expected, rtol=0, atol=1e-15)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("activation", ALL, ids=str)
def test_in_place_forms_are_the_plain_ones(activation, dtype):
    z, g = torch.linspace(-3, 3, 61).to(dtype), torch.linspace(1, 2, 61).to(dtype)
    value, gated = activation.value(z), g * activation.derivative(z)
    memory = z.clone()
    f = memory if activation.overwrites else torch.empty_like(z)
    activation.value_(memory, f)
    torch.testing.assert_close(f, value, rtol=0, atol=DTYPES[dtype])
    activation.gate_(g, memory, f)
    torch.testing.assert_close(g, gated, rtol=0, atol=20 * DTYPES[dtype])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("activation", ALL, ids=str)
def test_constant_units_are_exact(activation, dtype):
    """A pre-activation of ``at_one`` gives exactly 1, and 0 gives exactly 0."""
    z = torch.tensor([activation.at_one, 0.0], dtype=dtype)
    assert activation.value(z).tolist() == [1.0, 0.0]


def test_activations_are_values():
    assert LeakyReLU(0.0) == RELU and LeakyReLU(0.1) != RELU and Erf() != Tanh()
    assert len({*ALL, LeakyReLU(0.1), Erf()}) == len(ALL)


def test_slope_keeps_double_precision():
    z = torch.tensor([-1.0, 0.0, 2.0], dtype=torch.float64)
    leaky = LeakyReLU(0.1)
    assert leaky.derivative(z).tolist() == [0.1, 0.1, 1.0]  # 0.1 exactly, not its float32 neighbour
    assert leaky.value(z).tolist() == [-0.1, 0.0, 2.0]
    assert leaky.derivative(z.float()).dtype == torch.float32


@given(st.floats(-1e6, 1e6), st.floats(0, 0.99))
@settings(max_examples=50, deadline=None)
def test_a_leaky_relu_is_its_derivative_times_the_input(z, slope):
    z = torch.tensor(z, dtype=torch.float64)
    assert LeakyReLU(slope).value(z) == LeakyReLU(slope).derivative(z) * z


@pytest.mark.parametrize("slope", [-0.1, 1.0])
def test_slope_outside_its_range_is_refused(slope):
    with pytest.raises(ValueError, match=rf"slope must lie in \[0, 1\), got {slope}"):
        LeakyReLU(slope)
