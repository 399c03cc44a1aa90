"""Random starts at every width; the phase line for large teachers; one node for several, six activations."""

from companion.chapters.copy_average.studies import Activation, AnyActivation, Flows, OneNeuron, PhaseLine
from companion.runs.spec import Count, Grid, Ints, Positive
from companion.runs.sweeps import Sweep

Activations = tuple[Activation, ...]
AnyActivations = tuple[AnyActivation, ...]


class FewStudents(Grid):
    """Where random starts end; a cell per activation, teacher and width, all widths below the teacher's."""

    activations: Activations = ("erf", "relu")
    teachers: Ints = (4, 6)
    """teacher nodes k (number)"""
    starts: Count = 24
    start_scale: Positive = 0.3

    def cells(self) -> list[Flows]:
        cells = [
            self.into(Flows, activation=activation, teachers=k, students=n)
            for activation in self.activations
            for k in self.teachers
            for n in range(1, k)
        ]
        return sorted(cells, key=lambda cell: -cell.work)


FEW_STUDENTS = Sweep(
    "few_students", {"quick": FewStudents(), "laptop": FewStudents(teachers=(4, 6, 8), starts=400)}
)


class Line(Grid):
    """The phase line; a cell per teacher."""

    teachers: Ints = (8, 20)
    """teacher nodes k (number)"""

    def cells(self) -> list[PhaseLine]:
        return [PhaseLine(teachers=k) for k in sorted(self.teachers, reverse=True)]


PHASES = Sweep("copy_average_phases", {"quick": Line(), "laptop": Line(teachers=(6, 8, 12, 20, 32, 50))})


class Single(Grid):
    """One node for several; a cell per activation and number of teacher nodes."""

    activations: AnyActivations = ("erf", "softplus")
    teachers: Ints = (2, 4)
    """teacher nodes l (number)"""
    starts: Count = 20

    def cells(self) -> list[OneNeuron]:
        return [
            OneNeuron(activation=activation, teachers=number, starts=self.starts)
            for activation in self.activations
            for number in sorted(self.teachers, reverse=True)
        ]


ONE_NEURON = Sweep(
    "one_neuron",
    {
        "quick": Single(),
        "laptop": Single(
            activations=("erf", "relu", "leaky", "tanh", "sigmoid", "softplus"), teachers=(2, 4, 8), starts=50
        ),
    },
)
