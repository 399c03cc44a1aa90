"""Images where CIFAR-10 is missing: patches of ten photographs; the class is the photograph.

The photographs ship with scikit-image.
"""

import hashlib

import numpy as np

from companion.datasets.cifar10 import SIDE, Images, Split
from ts_core.streams import stream

NAMES = (
    "astronaut",
    "chelsea",
    "coffee",
    "rocket",
    "hubble_deep_field",
    "immunohistochemistry",
    "retina",
    "brick",
    "grass",
    "gravel",
)
TRAIN_SHARE = 0.75  # of a photograph's width, from the left; test patches come from the rest


def patches(train: int = 5000, test: int = 2000) -> Images:
    """Square patches of random places; training and test patches share no pixel.

    Grey photographs have equal colours.
    """
    photographs = [_photograph(name) for name in NAMES]
    edges = [round(TRAIN_SHARE * photograph.shape[1]) for photograph in photographs]
    return Images(
        _cut([image[:, :edge] for image, edge in zip(photographs, edges)], train, "training patches"),
        _cut([image[:, edge:] for image, edge in zip(photographs, edges)], test, "test patches"),
        NAMES,
    )


def fingerprint(images: Images) -> str:
    """Which images these are, in 16 characters."""
    return hashlib.sha256(images.train.images.tobytes() + images.test.images.tobytes()).hexdigest()[:16]


def _photograph(name: str) -> np.ndarray:
    """uint8 ``(height, width, 3)``."""
    from skimage import data  # slow to import, and only this data set needs it

    image = getattr(data, name)()
    return image if image.ndim == 3 else np.repeat(image[:, :, None], 3, axis=2)


def _cut(photographs: list[np.ndarray], count: int, purpose: str) -> Split:
    generator = stream(0, purpose)
    labels = generator.permutation(np.arange(count) % len(photographs))
    found = np.empty((count, 3, SIDE, SIDE), np.uint8)
    for image, label in zip(found, labels):
        photograph = photographs[label]
        top, left = (generator.integers(0, size - SIDE + 1) for size in photograph.shape[:2])
        image[:] = photograph[top : top + SIDE, left : left + SIDE].transpose(2, 0, 1)
    return Split(found, labels)
