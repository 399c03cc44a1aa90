"""Settings of every test."""

import os
from pathlib import Path

import pytest

from companion.pages.notebooks import kernel_environment

LONGEST = ("tests/house", "tests/pages", "tests/runs")  # they start kernels, browsers, processes


def pytest_configure(config):
    os.environ.update(kernel_environment())
    # Stored chapters show what every machine has, whatever this one has in its cache: no data set ever lies
    # there.
    os.environ["COMPANION_DATA"] = str(Path(__file__).parent / "_build" / "no-data")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items):
    items.sort(key=_turn)


def _turn(item) -> int:
    """What takes longest comes first: no worker is left with it when the others have ended."""
    folders = [item.config.rootpath / name for name in LONGEST]
    return next((turn for turn, folder in enumerate(folders) if folder in item.path.parents), len(folders))
