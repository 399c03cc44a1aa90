"""Kills the toy's sweep and a run of its chapter at random moments, and counts what comes of it.

``python -m tests.kills 500`` prints the counts: all but the kills must be 0. A command is hit while it is in
a phase that was drawn, itself or one of the processes it started; then the same command is given again, and
hit again, until one is left alone and must end with the files that a run without kills makes.
"""

import importlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MARK = "COMPANION_KILLS"  # variable of the environment by which processes of one trial are known
PATIENCE = 20  # seconds that a killed command may take to be gone with all it started
HITS = 6  # of one folder, before a command is left alone
LONGEST = 400  # seconds of a command that is left alone, on a busy machine
GONE = 0.15  # share of the hits before which the folder of finished cells is removed

# What a command calls when it comes to a phase; "start" is the time before.
SWEEP = {
    "start": "",
    "train": "companion.runs.workers:Worker.submit",
    "write": "companion.runs.cells:save",
    "rename": "os:rename",
    "keep": "companion.runs.partial:_copy",
    "gather": "companion.runs.cells:gather",
    "export": "companion.runs.sweeps:export",
}
RUN = {
    "start": "",
    "execute": "companion.pages.build:_execute",
    "rename": "os:rename",
    "render": "companion.pages.build:render",
    "publish": "companion.pages.build:_publish",
}
LONG = {"start": 1.5, "train": 0.5, "execute": 5.0, "render": 4.0}  # seconds; of the others 0.05
# How processes are known by their words; a worker of a run is its kernel's.
WORDS = {"worker": "spawn_main", "kernel": "ipykernel", "rendering": "jupyter_book"}
VICTIMS = {
    "sweep": ("driver", "driver", "group", "worker", "worker"),
    "run": ("driver", "group", "kernel", "kernel", "worker", "rendering"),
}


@dataclass(frozen=True)
class Hit:
    """One kill.

    turn        how often the phase has begun before.
    delay       seconds after that; 0 is before its first statement.
    """

    command: str
    phase: str
    victim: str
    signal: int
    turn: int
    delay: float


def draw(chance: random.Random, command: str) -> Hit:
    """A kill at a random moment."""
    phase = chance.choice(list(SWEEP if command == "sweep" else RUN))
    victim = chance.choice(VICTIMS[command])
    if phase == "start":
        victim = chance.choice(("driver", "group"))
    if victim == "worker":
        phase, how = ("train" if command == "sweep" else "execute"), (signal.SIGKILL, signal.SIGSTOP)
    elif victim in ("kernel", "rendering"):
        phase, how = ("execute" if victim == "kernel" else "render"), (signal.SIGKILL,)
    else:
        how = (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
    many = phase in ("train", "write", "rename", "keep")
    delay = chance.choice((0.0, chance.random() * LONG.get(phase, 0.05)))
    return Hit(command, phase, victim, chance.choice(how), chance.randrange(6) if many else 0, delay)


def struck(hit: Hit, words: list[str]) -> int:
    """Give a command in this process, and kill when it comes to the phase."""
    from companion.__main__ import main

    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
    if not (place := (SWEEP if hit.command == "sweep" else RUN)[hit.phase]):
        threading.Thread(target=kill, args=(hit,), daemon=True).start()
        return main(words)
    module, _, names = place.partition(":")
    *owners, name = names.split(".")
    owner = importlib.import_module(module)
    for one in owners:
        owner = getattr(owner, one)
    function, calls = getattr(owner, name), iter(range(sys.maxsize))

    def in_phase(*values, **options):
        if next(calls) == hit.turn:
            if hit.delay or hit.victim in WORDS:
                threading.Thread(target=kill, args=(hit,), daemon=True).start()
            else:
                kill(hit)
        return function(*values, **options)

    setattr(owner, name, in_phase)
    return main(words)


def kill(hit: Hit) -> None:
    """Kill after the delay; a worker that is stopped is left so, and its command interrupted."""
    time.sleep(hit.delay)
    mark = os.environ[MARK]
    if hit.victim in WORDS:
        while not (found := [pid for pid in alive(mark) if WORDS[hit.victim] in command_of(pid)]):
            time.sleep(0.02)
        Path(mark).touch()
        os.kill(random.choice(found), hit.signal)
        if hit.signal == signal.SIGSTOP:
            os.kill(os.getpid(), signal.SIGINT)
        return
    Path(mark).touch()
    if hit.victim == "driver":
        os.kill(os.getpid(), hit.signal)
    else:
        os.killpg(os.getpgrp(), hit.signal)


def alive(mark: str) -> list[int]:
    """Processes that have the mark of a trial in their environment and have not ended."""
    found, wanted = [], f"{MARK}={mark}".encode()
    for place in Path("/proc").glob("[0-9]*"):
        try:
            if wanted in (place / "environ").read_bytes().split(b"\0"):
                found.append(int(place.name))
        except OSError:  # ended meanwhile, or another user's
            continue
    return found


def command_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


@dataclass
class Trials:
    """A toy book in a folder, whose commands are hit.

    folder      of the book; beside the book everything that commands write.
    whole       whether the book has the pages that collect from chapters, each a notebook of its own.
    counts      what came of the kills.
    """

    folder: Path
    chance: random.Random
    whole: bool = True

    def __post_init__(self) -> None:
        from tests import toy_book

        self.counts: Counter = Counter()
        self.log: list[str] = []
        self.book = toy_book.drop(self.folder / "book [1]")
        if not self.whole:
            toy_book.leave_chapter_alone(self.book)
        self.temporary = Path(tempfile.mkdtemp(prefix="kills-"))
        self._wanted: dict[str, Mapping[str, bytes]] = {}
        self._number = 0

    def words(self, command: str, name: str) -> list[str]:
        cells = ["--results", str(self.folder / f"cells-{name}")]
        if command == "sweep":
            target = str(self.folder / "tables" / name)
            sweep = ["sweep", "polygon_darts", "--scale", "paper", "--workers", "2"]
            return [*sweep, *cells, "--export", target]
        return ["run", "polygon", "-p", "sides", "7", "-p", "darts", "30000", "--name", name, *cells]

    def wanted(self, command: str) -> Mapping[str, bytes]:
        """What the command leaves when nothing is killed."""
        if command not in self._wanted:
            _, said = self.give(None, self.words(command, "whole"))
            self._wanted[command] = self.made(command, "whole")
            if not self._wanted[command]:
                raise AssertionError(f"{command} does not work at all: {said}")
        return self._wanted[command]

    def made(self, command: str, name: str) -> dict[str, bytes]:
        """Tables of the sweep, or the executed notebook behind the page of a run; empty without."""
        place = self.folder / "tables" / name
        if command == "sweep":
            return {path.name: path.read_bytes() for path in place.glob("*.parquet")}
        staged = self.book / "_build" / "stage" / "book" / "polygon.ipynb"
        page = self.book / "_build" / "runs" / name / "book" / "polygon.html"
        return {staged.name: staged.read_bytes()} if page.exists() and staged.exists() else {}

    def finished(self, name: str) -> dict[str, int]:
        """Finished cells, wherever they are kept, and when each was computed."""
        places = (self.folder / "tables" / name / "partial", self.folder / f"cells-{name}")
        metas = [path for place in places for path in place.glob("[!.]*/meta.json")]
        return {path.parent.name: path.stat().st_mtime_ns for path in metas}

    def give(self, hit: Hit | None, words: list[str]) -> tuple[int, str]:
        """Give a command, hit or not; counts what it leaves at work."""
        self._number += 1
        mark = self.folder / f"hit-{self._number}"
        environment = os.environ | {
            MARK: str(mark),
            "PYTHONPATH": str(ROOT),
            "TMPDIR": str(self.temporary),
            "TQDM_DISABLE": "1",
        }
        done = subprocess.Popen(
            [sys.executable, __file__, json.dumps(asdict(hit)) if hit else "", *words],
            cwd=self.book,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        # what is left at work may hold the pipes: they are read by a thread, and not waited for
        said: list[str] = []
        reader = threading.Thread(target=lambda: said.extend(filter(None, done.communicate())), daemon=True)
        reader.start()
        end = time.monotonic() + LONGEST
        while done.poll() is None and time.monotonic() < end:
            if hit and mark.exists() and hit.signal != signal.SIGKILL and hit.victim != "worker":
                end = min(end, time.monotonic() + PATIENCE)
            time.sleep(0.02)
        until = time.monotonic() + PATIENCE
        while (left := alive(str(mark))) and time.monotonic() < until:
            time.sleep(0.05)
        for pid in left:
            self.note("orphaned", hit, command_of(pid))
            os.kill(pid, signal.SIGKILL)
        reader.join(PATIENCE)
        if hit:
            self.counts["kills" if mark.exists() else "missed"] += 1
        mark.unlink(missing_ok=True)
        text = "".join(said)
        if "Traceback" in text or "resource_tracker" in text:
            self.note("tracebacks", hit, text)
        return done.returncode if done.returncode is not None else -1, text

    def note(self, what: str, hit: Hit | None, words: object) -> None:
        self.counts[what] += 1
        self.log.append(f"{what}: {hit}: {words}")

    def sequence(self, command: str, hits: list[Hit]) -> None:
        """Hit a command again and again on one folder, then leave it alone."""
        wanted, name = self.wanted(command), f"{command}-{self._number}"
        words = self.words(command, name)
        before = self.finished(name)
        for hit in [*hits, None]:
            if self.chance.random() < GONE:  # the machine, with its cells
                shutil.rmtree(self.folder / f"cells-{name}", ignore_errors=True)
                before = self.finished(name)
            code, said = self.give(hit, words)
            after = self.finished(name)
            for cell, when in before.items():
                if cell not in after:
                    self.note("lost", hit, cell)
                elif after[cell] != when:
                    self.note("recomputed", hit, cell)
            before = after
        if code or self.made(command, name) != wanted:
            self.note("differing", None, f"{hits}: {said}")
        for path in list(self.left(name)):
            self.note("staging", None, path)
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    def left(self, name: str) -> Iterator[Path]:
        """Hidden files and folders, and whatever lies in the folder for temporary files."""
        build = self.book / "_build"
        for place in (self.folder / f"cells-{name}", self.folder / "tables", build, build / "runs"):
            yield from place.glob(".*")
        yield from self.folder.glob(f"tables/{name}/**/.*")
        yield from self.temporary.iterdir()

    def close(self) -> None:
        shutil.rmtree(self.temporary, ignore_errors=True)


COUNTED = ("kills", "missed", "lost", "recomputed", "orphaned", "differing", "staging", "tracebacks")


def main(times: int, seed: int, share: float = 0.25) -> int:
    """Print what came of so many kills, a share of them of runs; returns 1 if anything did."""
    chance, told = random.Random(seed), 0
    with tempfile.TemporaryDirectory() as folder:
        trials = Trials(Path(folder), chance)
        while trials.counts["kills"] < times:
            command = "run" if chance.random() < share else "sweep"
            trials.sequence(command, [draw(chance, command) for _ in range(HITS)])
            said = ", ".join(f"{trials.counts[name]} {name}" for name in COUNTED)
            print(*trials.log[told:], f"seed {seed}: {said}", sep="\n", flush=True)
            told = len(trials.log)
        trials.close()
    return int(bool(trials.log))


if __name__ == "__main__":
    if len(sys.argv) > 2 and sys.argv[1][:1] in ("", "{"):  # a command of a trial
        if plan := sys.argv[1]:
            sys.exit(struck(Hit(**json.loads(plan)), sys.argv[2:]))
        from companion.__main__ import main as command_line

        sys.exit(command_line(sys.argv[2:]))
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else int(time.time())))
