"""A dozen kills, one of each kind; ``python -m tests.kills`` draws hundreds at random moments."""

import random
import signal
from pathlib import Path

import pytest

from tests.kills import COUNTED, Hit, Trials, draw

KILL, TERM, STOP = int(signal.SIGKILL), int(signal.SIGTERM), int(signal.SIGSTOP)
pytestmark = [
    pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="needs /proc"),
    pytest.mark.timeout(900),  # whole commands, one after another
]


@pytest.fixture
def trials(tmp_path):
    found = Trials(tmp_path, random.Random(7), whole=False)
    yield found
    found.close()


def check(trials: Trials, kills: int) -> None:
    assert not trials.log, "\n".join(trials.log)
    assert trials.counts["kills"] == kills and set(trials.counts) <= set(COUNTED)


def test_a_sweep_that_is_killed_again_and_again_loses_nothing(trials):
    hits = [
        Hit("sweep", "write", "driver", KILL, 1, 0.002),
        Hit("sweep", "rename", "group", KILL, 1, 0.0),
        Hit("sweep", "train", "worker", STOP, 1, 0.1),
        Hit("sweep", "keep", "group", TERM, 1, 0.0),
        Hit("sweep", "train", "worker", KILL, 0, 0.0),
        Hit("sweep", "gather", "driver", KILL, 0, 0.0),
        Hit("sweep", "export", "driver", KILL, 0, 0.0),
    ]
    trials.sequence("sweep", hits)
    check(trials, len(hits))


def test_a_run_that_is_killed_again_and_again_leaves_nothing(trials):
    hits = [
        Hit("run", "execute", "worker", KILL, 0, 0.0),
        Hit("run", "execute", "kernel", KILL, 0, 1.0),
        Hit("run", "execute", "group", KILL, 0, 2.0),
        Hit("run", "render", "driver", TERM, 0, 0.5),
        Hit("run", "publish", "driver", KILL, 0, 0.0),
    ]
    trials.sequence("run", hits)
    check(trials, len(hits))


def test_kills_are_drawn_of_every_kind():
    chance = random.Random(1)
    drawn = [draw(chance, command) for command in ("sweep", "run") for _ in range(300)]
    assert {hit.victim for hit in drawn} == {"driver", "group", "worker", "kernel", "rendering"}
    assert {hit.signal for hit in drawn} >= {KILL, TERM, STOP, int(signal.SIGINT)}
    assert all(hit.phase in ("train", "execute") for hit in drawn if hit.victim == "worker")
