"""Parameters of the chapter on factor transfer."""

from companion.chapters.factor_transfer.sweeps import Transfers
from companion.pages import parameters


class Parameters(Transfers, parameters.Parameters):
    """Parameters of the chapter; the defaults are its quick scale."""
