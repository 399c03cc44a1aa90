"""Images at random places."""

import numpy as np
import torch

from companion.datasets.augmentation import MEAN, STD, augment, inputs
from ts_core.streams import stream


def test_images_move_and_mirror_without_other_changes():
    image = torch.arange(1, 49, dtype=torch.uint8).view(1, 3, 4, 4)
    seen = {tuple(augment(image, stream(seed, "crop"), shift=1)[0].flatten().tolist()) for seed in range(300)}
    padded = np.pad(image[0].numpy(), ((0, 0), (1, 1), (1, 1)))
    crops = [padded[:, i : i + 4, j : j + 4] for i in range(3) for j in range(3)]
    expected = {tuple(c.ravel().tolist()) for crop in crops for c in (crop, crop[:, :, ::-1])}
    assert seen == expected
    unmoved = {
        tuple(augment(image, stream(seed, "crop"), shift=0)[0].flatten().tolist()) for seed in range(20)
    }
    assert unmoved == {tuple(image.flatten().tolist()), tuple(image.flip(3).flatten().tolist())}


def test_pixels_between_black_and_white_are_normalized_per_colour():
    image = torch.tensor([0, 51, 255], dtype=torch.uint8).expand(2, 3, 3, 3)
    for dtype in (torch.float32, torch.float64):
        found = inputs(image, dtype)
        for colour, (mean, std) in enumerate(zip(MEAN, STD)):
            expected = torch.tensor([-mean / std, (0.2 - mean) / std, (1 - mean) / std], dtype=dtype)
            torch.testing.assert_close(found[:, colour], expected.expand(2, 3, 3))
        assert found.dtype == dtype
