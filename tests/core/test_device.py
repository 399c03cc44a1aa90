"""Where a run computes."""

from contextlib import suppress

import pytest
import torch

from ts_core.training.device import device_name, device_of, one_thread


def test_unknown_gpu_is_refused():
    if torch.cuda.is_available():
        assert device_of("cuda").type == "cuda"
    else:
        with pytest.raises(ValueError, match="device = 'cuda'.*'cpu'"):
            device_of("cuda")


@pytest.mark.skipif(torch.cuda.is_available(), reason="for machines without a GPU")
def test_without_a_gpu_everything_but_cuda_is_the_cpu():
    assert {device_of(name).type for name in ("auto", "cpu")} == {"cpu"}
    assert {device_name(name) for name in ("auto", "cpu")} == {"cpu"}


@pytest.mark.parametrize("error", [None, ValueError])
def test_threads_are_given_back_whatever_happens(error):
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        with suppress(ValueError), one_thread():
            assert torch.get_num_threads() == 1
            if error:
                raise error
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)
