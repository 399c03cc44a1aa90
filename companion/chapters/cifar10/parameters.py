"""Parameters of the chapter on CIFAR-10."""

from pathlib import Path

import numpy as np

from companion.chapters.cifar10.sweeps import Cifar10
from companion.datasets.images import chosen, read
from companion.pages import parameters


class Parameters(Cifar10, parameters.Parameters):
    """Parameters of the chapter; the defaults are its quick scale."""

    def shown(self, data: Path | None, each: int = 8) -> dict[str, np.ndarray]:
        """The first ``each`` test images ``(each, height, width, 3)`` of every class, by the class's name."""
        images = read(chosen(self.dataset, data), data)[0]
        pixels, labels = images.test.images.transpose(0, 2, 3, 1), images.test.labels
        return {name: pixels[labels == label][:each] for label, name in enumerate(images.names)}
