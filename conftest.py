"""Settings of every test, and a tolerance for notebooks: nbval itself compares outputs letter by letter."""

import math
import os
import re
from pathlib import Path

import pytest

from companion.pages.notebooks import kernel_environment

# They start kernels, browsers, processes; a file is the work of one worker, so the longest come first.
LONGEST = (
    "tests/house/test_browser.py",
    "tests/pages/test_build.py",
    "tests/pages/test_kills.py",
    "tests/house/test_wheel.py",
    "book",
    "tests/pages",
    "tests/house",
    "tests/runs",
)
NUMBER = re.compile(r"(?<![\w.])[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?(?![\w.]*\d)")
RELATIVE = 1e-3
# A cell with this tag shows what differs between processors: training magnifies their last digits, up to
# other verdicts at the scale of a page, which is small.
VARIES = "varies"
LIVE = re.compile(r"\bquick\b")
WORD = re.compile(r"[^\W\d][\w/-]*")
VERDICTS = {"holds", "fails", "undecided", "refuses", "does", "not", "refuse"}
# Pictures are looked at, not compared; html repeats what text/plain says; stderr holds paths and process
# numbers.
NOT_COMPARED = (
    "application/papermill.record/image/png",
    "application/papermill.record/image/svg+xml",
    "image/svg+xml",
    "stderr",
    "text/html",
    "application/papermill.record/text/html",
)


class Tolerant(str):
    """Text that equals another when the words are equal and the numbers are within RELATIVE.

    So counts below 1000 are exact, and the width of a column does not matter.
    """

    __hash__ = str.__hash__

    def __eq__(self, other):
        if not isinstance(other, str) or NUMBER.sub("#", self).split() != NUMBER.sub("#", other).split():
            return False
        pairs = zip(NUMBER.findall(self), NUMBER.findall(other))
        return all(math.isclose(float(one), float(two), rel_tol=RELATIVE) for one, two in pairs)

    def __ne__(self, other):
        return not self == other


def steady(text: str) -> str:
    """The text of a cell that varies without what does: of each line of the page's own scale, or of all where
    none names a scale, the words are left, but for verdicts.
    """
    lines = text.splitlines()
    live = {line for line in lines if LIVE.search(line)} or set(lines)
    words = lambda line: " ".join(word for word in WORD.findall(line) if word not in VERDICTS)
    return "\n".join(words(line) if line in live else line for line in lines)


def pytest_configure(config):
    os.environ.update(kernel_environment())
    # Stored chapters show what every machine has, whatever this one has in its cache: no data set ever lies
    # there.
    os.environ["COMPANION_DATA"] = str(Path(__file__).parent / "_build" / "no-data")
    from jupyter_client.manager import KernelManager
    from nbval.kernel import RunningKernel

    RunningKernel.execute_cell_input = _with_history
    KernelManager.transport_encryption.default_value = (
        "auto"  # else each kernel warns about its unencrypted local port
    )


def _with_history(kernel, source, allow_stdin=None):
    """nbval runs cells outside the kernel's history, where a semicolon at the end no longer hides the last
    value.
    """
    return kernel.kc.execute(source, store_history=True, allow_stdin=allow_stdin, stop_on_error=False)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items):
    items.sort(key=_turn)
    for item in items:
        if type(item).__name__ != "IPyNbCell":
            continue
        item.add_marker(pytest.mark.timeout(900))  # a cell may be a whole experiment, on a busy machine
        item.parent.skip_compare = tuple(dict.fromkeys((*item.parent.skip_compare, *NOT_COMPARED)))
        item.sanitize = _tolerant(item.sanitize, VARIES in item.cell.metadata.get("tags", []))


def _turn(item) -> int:
    """What takes longest comes first: no worker is left with it when the others have ended."""
    places = [item.config.rootpath / name for name in LONGEST]
    own = (item.path, *item.path.parents)
    return next((turn for turn, place in enumerate(places) if place in own), len(places))


def _tolerant(sanitize, varies):
    def wrapped(value):
        clean = sanitize(value)
        return Tolerant(steady(clean) if varies else clean) if isinstance(clean, str) else clean

    return wrapped
