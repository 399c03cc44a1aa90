"""Weights that someone brings in a file: read as numbers, so that no code of the file is run."""

import json
import pickle
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import torch

WHERE = ".running_mean"  # only a batch normalization has one
TYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2"}  # of safetensors, as numpy calls them


def normalizations(file: str | Path) -> pd.DataFrame:
    """Scales and shifts of every batch normalization in a file of weights.

    file        ``.pt`` or ``.pth`` (a dictionary of tensors, or one in its entry state_dict) or
                ``.safetensors``.
    returns     layer (from 0, in the order of the file), name, channel, shift (c_0), scale (c_1).
    raises      ValueError naming the file, where it is none of these, or no normalization is in it.
    """
    path = Path(file)
    if path.suffix not in READERS:
        raise ValueError(
            f"{path}: weights must end in {', '.join(READERS)}, got {path.suffix or 'no ending'}"
        )
    tensors, tables = READERS[path.suffix](path), []
    for name in [key.removesuffix(WHERE) for key in tensors if key.endswith(WHERE)]:
        if f"{name}.weight" in tensors and f"{name}.bias" in tensors:
            scale, shift = (tensors[f"{name}.{part}"].ravel() for part in ("weight", "bias"))
            columns = dict(channel=range(len(scale)), shift=shift, scale=scale)
            tables.append(pd.DataFrame(dict(layer=len(tables), name=name, **columns)))
    if not tables:
        raise ValueError(f"{path}: has no batch normalization with scale and shift")
    return pd.concat(tables, ignore_index=True)


def _torch(path: Path) -> dict[str, np.ndarray]:
    try:
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError) as error:
        raise ValueError(
            f"{path}: refused, no plain dictionary of tensors ({type(error).__name__})"
        ) from None
    loaded = loaded.get("state_dict", loaded) if isinstance(loaded, Mapping) else loaded
    if not isinstance(loaded, Mapping):
        raise ValueError(f"{path}: must hold a dictionary of tensors, got {type(loaded).__name__}")
    tensors = {str(name): value for name, value in loaded.items() if isinstance(value, torch.Tensor)}
    return {name: value.detach().double().numpy() for name, value in tensors.items()}


def _safetensors(path: Path) -> dict[str, np.ndarray]:
    """A header of eight bytes of length and so much JSON, then the numbers; what is no float is left out."""
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    try:
        header = json.loads(data[8 : 8 + length])
        found = {}
        for name, about in header.items():
            if name != "__metadata__" and about["dtype"] in TYPES:
                first, last = about["data_offsets"]
                numbers = np.frombuffer(data[8 + length :][first:last], TYPES[about["dtype"]])
                found[name] = numbers.astype(float).reshape(about["shape"])
        return found
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ValueError(f"{path}: is damaged, or no safetensors file") from None


READERS: dict[str, Callable[[Path], dict[str, np.ndarray]]] = {
    ".pt": _torch,
    ".pth": _torch,
    ".safetensors": _safetensors,
}
