"""Parameters of the chapter on factor transfer."""

from companion.chapters.factor_transfer.studies import Identities
from companion.chapters.factor_transfer.sweeps import Transfers
from companion.pages import parameters
from companion.runs.spec import Cell


class Parameters(Transfers, parameters.Parameters):
    """Parameters of the chapter; the defaults are its quick scale."""

    def live_cells(self) -> list[Cell]:
        """What holds exactly; teachers and students are stages of their own."""
        return [Identities()]
