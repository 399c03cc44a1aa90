"""A way from a run into the playground of the book, which trains networks of two inputs in the page."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from companion.experiments.two_layer.spec import TwoLayer

if TYPE_CHECKING:
    from ts_core.networks import Network


@dataclass(frozen=True)
class Link:
    """A sentence with a link; ``address`` is relative to the pages of the chapters."""

    text: str
    address: str

    def __repr__(self) -> str:
        return f"{self.text}: {self.address}"

    def _repr_html_(self) -> str:
        return f'<p class="see-it-move"><a href="{self.address}">{self.text}</a></p>'


def playground(cell: TwoLayer) -> Link | None:
    """The first teacher of a cell and its narrowest student, as both start, opened in the playground.

    returns     None where inputs have other than two dimensions.
    """
    if cell.input_dim != 2:
        return None
    from companion.experiments.two_layer.run import start

    ratio, polarity, seed = min(cell.over_realizations), cell.polarities[0], cell.seeds[0]
    one = dict(seeds=(seed,), polarities=(polarity,), over_realizations=(ratio,))
    teacher, (student,), _ = start(cell.model_copy(update=one))
    settings = f"rate={cell.learning_rate:g}&batch={cell.batch_size}&samples={cell.samples}&seed={seed}"
    text = (
        f"Train the first teacher (p = {polarity:g}, seed {seed}) and its narrowest student of this run "
        "in the playground, on samples of its own"
    )
    return Link(text, f"playground.html#{settings}&weights={packed(teacher, student)}")


def packed(teacher: Network, student: Network) -> str:
    """Two networks of one member, two inputs and one hidden layer as the playground's address has them.

    returns     base64url of 32-bit floats: m, n, c, then the rows of the first layer, fan-out weights node by
                node and biases of the outputs, of the teacher and of the student.
    """
    parts = []
    for network in (teacher, student):
        lower, upper = (weight[0].numpy() for weight in network.weights)
        parts += [lower.ravel(), upper[:, :-1].T.ravel(), upper[:, -1]]
    sizes = [teacher.weights[0].shape[1], *student.weights[0].shape[1:2], student.weights[1].shape[1]]
    numbers = np.concatenate([sizes, *parts]).astype("<f4")
    return base64.urlsafe_b64encode(numbers.tobytes()).decode().rstrip("=")
