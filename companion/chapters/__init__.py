"""Finds chapters and sweeps by looking into the folders, also those of the book one works in."""

import pkgutil
from collections.abc import Iterable, Iterator, Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from companion import place
from companion.pages.parameters import Parameters
from companion.runs.sweeps import Sweep

__path__ = [
    *__path__,
    *(str(f) for f in [place.root() / "companion" / "chapters"] if f.is_dir() and f != Path(__path__[0])),
]


def names() -> list[str]:
    """Chapters, in alphabetical order."""
    return sorted(found.name for found in pkgutil.iter_modules(__path__) if found.ispkg)


class OnDemand(Mapping[str, type[Parameters]]):
    """Parameters by chapter, imported when they are asked for: a run needs those of one."""

    def __init__(self, known: Iterable[str]):
        self._known = tuple(known)

    def __getitem__(self, name: str) -> type[Parameters]:
        if name not in self._known:
            raise KeyError(name)
        return import_module(f"{__name__}.{name}.parameters").Parameters

    def __contains__(self, name: object) -> bool:
        return name in self._known

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)


def parameters(order: Iterable[str] | None = None) -> Mapping[str, type[Parameters]]:
    """Parameters of every chapter, in the order of the alphabet.

    order       names in another one, of these chapters only; what is no chapter's is left out.
    """
    known = names()
    return OnDemand(known if order is None else [name for name in order if name in known])


def sweeps() -> Mapping[str, Sweep]:
    """Every sweep by its name: the objects of that type in the modules ``sweeps`` of the chapters.

    raises      ValueError when two sweeps have one name.
    """
    found: dict[str, Sweep] = {}
    for name in names():
        if not find_spec(f"{__name__}.{name}.sweeps"):
            continue
        module = import_module(f"{__name__}.{name}.sweeps")
        for sweep in [value for value in vars(module).values() if isinstance(value, Sweep)]:
            if found.setdefault(sweep.name, sweep) is not sweep:
                raise ValueError(f"two sweeps are called {sweep.name}")
    return dict(sorted(found.items()))
