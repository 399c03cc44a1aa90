"""Parameters of the chapter on robustness, and the cells of its live runs."""

from typing import Annotated

from pydantic import Field, model_validator

from companion.chapters.robustness.studies import Augmentation, Deep, Device, DType, Leak, Setting, Students
from companion.pages import parameters
from companion.runs.spec import Cell, Count, Positive

STEPS_OF_RADIUS = (0.2, 0.5, 1.0, 2.0)  # radii of the free attack, over the radius of all others


class Parameters(parameters.Parameters):
    """Parameters of the chapter; the defaults are its quick scale."""

    input_dim: Count = 20
    """input dimension d (nodes)"""
    rank: Count = 8
    """dimension d0 of the inputs' subspace S, below d"""
    teacher_width: Count = 6
    """teacher nodes m (nodes)"""
    over_realization: Annotated[float, Field(ge=1)] = 3.0
    """student nodes per teacher node n / m, at least 1 (ratio)"""
    outputs: Count = 10
    """output dimension C (nodes)"""
    noises: Annotated[tuple[Positive, ...], Field(strict=False, min_length=1)] = (0.1, 0.4)
    """r: noise in all directions over the inputs' spread in S, beside 0 (ratios)"""
    seeds: Annotated[int, Field(ge=2)] = 4
    """ensemble members, each with its own teacher, subspace, data and start (number)"""
    batch_size: Annotated[int, Field(ge=2)] = 32
    """fresh samples per step (number)"""
    steps: Count = 1200
    """length of the runs (steps of Adam)"""
    learning_rate: Positive = 0.01
    """of Adam at the start; it falls to 0 along half a cosine"""
    radius: Positive = 0.5
    """size of the attacks, in training and afterwards (l2)"""
    dtype: DType = "float64"
    """number type of the trained ensembles; float32 is the sweep's and faster"""
    device: Device = "auto"
    """where ensembles train; auto is the GPU if there is one"""

    @model_validator(mode="after")
    def _runnable(self):
        self.live_cells()  # refuses what it cannot run
        return self

    def live_cells(self) -> list[Cell]:
        """The students first, which take longest."""
        return [*self.students(), self.augmentation(), Deep(), self.leak()]

    def students(self) -> list[Students]:
        """Students that are trained as usual, and under attack."""
        radii = tuple(share * self.radius for share in STEPS_OF_RADIUS)
        own = dict(
            noises=(0.0, *self.noises), radii=radii, train_radius=self.radius, attacked=500, eval_samples=2000
        )
        return [self._of(Students, method=method, **own) for method in ("adversarial", "standard")]

    def augmentation(self) -> Augmentation:
        """Students that see moved inputs, moved as far as attacks go."""
        return self._of(Augmentation, size=self.radius)

    def leak(self) -> Leak:
        """Optimizers on inputs in S."""
        sizes = ("input_dim", "rank", "teacher_width", "over_realization", "outputs")
        return Leak(**{name: getattr(self, name) for name in sizes}, seeds=tuple(range(1, self.seeds + 1)))

    def _of(self, kind: type[Setting], **changes) -> Setting:
        return self.into(kind, seeds=tuple(range(1, self.seeds + 1)), **changes)
