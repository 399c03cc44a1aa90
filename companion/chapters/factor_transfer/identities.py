"""Mixed channels, read by a translator that unmixes them."""

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from companion.chapters.factor_transfer.readers import chain, encoder, through
from companion.chapters.factor_transfer.studies import Identities
from ts_core.streams import stream
from ts_core.training.fit import Parameters


def mixed(maps: Tensor, mixing: Tensor) -> Tensor:
    """Each member's channels of folded maps ``(b, e m, h, w)`` multiplied by its matrix ``(e, m, m)``."""
    return torch.einsum("enm,bemhw->benhw", mixing, maps.unflatten(1, mixing.shape[::2])).flatten(1, 2)


def unmixing(translator: Parameters, name: str, mixing: Tensor) -> Parameters:
    """The translator of that name that makes of mixed maps what this one makes of the maps themselves."""
    first = torch.einsum("enmij,emk->enkij", translator[f"{name}0"], torch.linalg.inv(mixing))
    return translator | {f"{name}0": first}


def identities(cell: Identities) -> pd.DataFrame:
    """Relative differences of factors of maps and of mixed maps, a row per seed, float64.

    columns     seed; unmixed: with the translator that unmixes; same: with the same translator.
    """
    seeds = range(1, cell.seeds + 1)
    streams = [stream(seed, "maps") for seed in seeds]
    m = cell.channels
    maps = torch.from_numpy(np.stack([g.standard_normal((2, m, cell.side, cell.side)) for g in streams]))
    mixing = torch.from_numpy(np.stack([g.standard_normal((m, m)) for g in streams]))
    translator = chain(streams, "translator", encoder(m, cell.factors))
    folded = maps.transpose(0, 1).flatten(1, 2)
    read = lambda network, of: through(network, "translator", of).unflatten(1, (cell.seeds, -1))
    factor = read(translator, folded)
    off = lambda of: ((of - factor).abs().amax((0, 2, 3, 4)) / factor.abs().amax((0, 2, 3, 4))).numpy()
    image = mixed(folded, mixing)
    unmixed = unmixing(translator, "translator", mixing)
    columns = dict(unmixed=off(read(unmixed, image)), same=off(read(translator, image)))
    return pd.DataFrame(dict(seed=seeds) | columns)
