"""The line that says how far a run is."""

import io
import time

import pytest

from companion.pages.progress import CELL, WAIT, Progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_it_names_what_is_at_work_and_its_cell():
    progress = Progress({"one": 4, "two": 3, "three": 9})
    for name in ("one", "two", "two"):
        progress.begin(name)
    assert progress.line()[0] == "one: cell 1 of 4, two: cell 2 of 3"
    progress.finish("two")
    assert progress.line()[0] == "one: cell 1 of 4"
    assert progress.left() == pytest.approx((4 + 9) * CELL)


def test_training_that_is_left_counts_in_its_seconds():
    left = [90.0]
    progress = Progress({"one": 2}, lambda: left[0])
    assert progress.line()[1:] == (0.0, "about 01:31 to go")
    left[0] = 45.0
    assert progress.line()[1] == pytest.approx(45 / (90 + 2 * CELL))


def test_what_is_slower_than_expected_takes_longer():
    progress = Progress({"one": 1}, lambda: 100.0)
    progress._began -= 95  # nothing done in a time in which 95 seconds of work should be
    assert progress.line()[2] == "about 33:26 to go"


def test_a_terminal_sees_a_line_and_a_file_nothing():
    for stream, seen in ((Terminal(), True), (io.StringIO(), False)):
        with Progress({"one": 2}, stream=stream) as progress:
            progress.begin("one")
            time.sleep(3 * WAIT if seen else 0)
        assert ("one: cell 1 of 2" in stream.getvalue() and "to go" in stream.getvalue()) == seen
        assert seen or stream.getvalue() == ""
