"""How far notebooks are, on a terminal: which chapter, which cell, how long still."""

import sys
import threading
import time
from collections.abc import Callable, Mapping
from typing import TextIO

from tqdm import tqdm

CELL = 0.3  # seconds of a cell of a notebook, its training aside; the pace of the first ones corrects it
TRUST = 5.0  # seconds after which the pace counts as much as what was expected
WAIT = 0.5  # seconds between two looks


class Progress:
    """A line that is written anew while notebooks are executed; without a terminal there is none.

    cells       code cells of each notebook.
    training    says how many seconds of training are left, and is asked again and again.
    """

    def __init__(
        self,
        cells: Mapping[str, int],
        training: Callable[[], float] = lambda: 0.0,
        stream: TextIO | None = None,
    ):
        self._cells, self._training = dict(cells), training
        self._begun, self._finished = {}, set()
        self._stream = sys.stderr if stream is None else stream
        self._ended, self._began = threading.Event(), time.perf_counter()
        self._total = self.left()

    def __enter__(self) -> "Progress":
        self._bar = tqdm(
            total=1.0, file=self._stream, bar_format="{desc} |{bar:20}| {postfix}", dynamic_ncols=True,
            disable=not self._stream.isatty(), leave=False,
        )  # fmt: skip
        if not self._bar.disable:
            self._watch = threading.Thread(target=self._look, daemon=True)
            self._watch.start()
        return self

    def __exit__(self, *error) -> None:
        self._ended.set()
        if not self._bar.disable:
            self._watch.join()
        self._bar.close()

    def begin(self, name: str) -> None:
        """The next cell of a notebook is executed."""
        self._begun[name] = self._begun.get(name, 0) + 1

    def finish(self, name: str) -> None:
        """A notebook is done."""
        self._finished.add(name)

    def write(self, text: str) -> None:
        """A line on standard output, above the one that changes."""
        with tqdm.external_write_mode(file=sys.stdout):
            print(text, flush=True)

    def left(self) -> float:
        """Seconds of work that are left, as they were expected."""
        done = {name: max(count - 1, 0) for name, count in self._begun.items()}
        done |= {name: self._cells[name] for name in self._finished}
        cells = sum(max(count - done.get(name, 0), 0) for name, count in self._cells.items())
        return cells * CELL + self._training()

    def line(self) -> tuple[str, float, str]:
        """What is executed; the part that is done; how long the rest takes."""
        at_work = [name for name in self._begun if name not in self._finished]
        words = ", ".join(f"{name}: cell {self._begun[name]} of {self._cells[name]}" for name in at_work)
        left, seconds = self.left(), time.perf_counter() - self._began
        done = max(self._total - left, 0.0)
        pace = (done + TRUST) / (seconds + TRUST)
        rest = tqdm.format_interval(round(left / pace))
        return words or "starting", done / max(self._total, 1e-9), f"about {rest} to go"

    def _look(self) -> None:
        while not self._ended.wait(WAIT):
            self._bar.desc, self._bar.n, self._bar.postfix = self.line()
            self._bar.refresh()
