"""Images at random places."""

import numpy as np
import torch

from companion.datasets.augmentation import augment
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
