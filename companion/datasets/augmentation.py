"""Images as a network sees them: normalized, and at random places."""

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

# of the training images per colour, as released
MEAN, STD = ((0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010))
SHIFT = 4  # pixels a random crop may move


def inputs(images: Tensor, dtype: torch.dtype) -> Tensor:
    """uint8 images ``(b, 3, side, side)`` as normalized numbers, channels last in memory for float32."""
    mean, std = (
        torch.tensor(values, dtype=dtype, device=images.device).view(3, 1, 1) for values in (MEAN, STD)
    )
    layout = torch.channels_last if dtype == torch.float32 else torch.contiguous_format
    return (images.to(dtype, memory_format=layout) / 255 - mean) / std


def augment(images: Tensor, generator: np.random.Generator, shift: int = SHIFT) -> Tensor:
    """uint8 images, each mirrored or not and moved by up to ``shift`` pixels both ways (black comes in)."""
    b, side = images.shape[0], images.shape[-1]
    down, right = generator.integers(0, 2 * shift + 1, (2, b, 1))
    mirrored = generator.integers(0, 2, (b, 1)).astype(bool)
    pixels = np.arange(side)
    columns = right + np.where(mirrored, pixels[::-1], pixels)
    rows, columns = (torch.from_numpy(i).to(images.device) for i in (down + pixels, columns))
    member = torch.arange(b, device=images.device)[:, None, None]
    moved = pad(images, (shift,) * 4)[member, :, rows[:, :, None], columns[:, None, :]]  # (b, side, side, 3)
    return moved.permute(0, 3, 1, 2)
