"""Where a run computes."""

import pytest
import torch

from ts_core.training.device import device_of


def test_unknown_gpu_is_refused():
    if torch.cuda.is_available():
        assert device_of("cuda").type == "cuda"
    else:
        with pytest.raises(ValueError, match="device = 'cuda'.*'cpu'"):
            device_of("cuda")
