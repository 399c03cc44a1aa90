"""What cells will cost before they run: what measured ones of their kind took, scaled by their settings.

A cell that was measured (``benchmarks/costs.py``) costs what it took. Any other costs what a law for its kind
says, times what the cells nearest to it took beyond that law. In time it has a fixed part, one per step, and
parts per operation, counted from the settings, as the cell declares its work, and of looks at the networks;
in memory a fixed part and one per number that is held. How large these parts are, all measured cells of the
kind say. Settings have the letters of the book: ``seeds`` and lists such as ``polarities`` make networks,
``steps`` or ``epochs`` say how long they train, ``looks`` how often they are evaluated, ``input_dim``,
``hidden``, ``widths`` and ``outputs`` how large they are, ``samples`` what lies in memory. Time is that of
the measuring machine times its speed over this one's, for a short computation that is done once.
"""

import json
import math
import shutil
import time
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from operator import attrgetter
from pathlib import Path
from typing import Any

from companion import place
from companion.runs.cells import Store
from companion.runs.identity import Project, kind, machine, stage_ids
from companion.runs.spec import Cell, Spec, SpecError

HOUR, YEAR = 3600, 365 * 24 * 3600
GIB = 2**30
WORKER = 0.35 * GIB  # of a process that has loaded torch and pandas, before it computes
LEAST = 2.0**25  # bytes that any cell takes: libraries, tables
UNKNOWN, DISK = 3.0, 2.0**15  # seconds and bytes of a cell of a kind that was never measured
STEP, FLOPS = 2e-4, 4e9  # seconds of the smallest step of an ensemble; operations in a second
TESTED = 1000.0  # samples of a look, where nothing is said
FIXED = 0.1  # share of a cell's time that steps do not change, where nothing else is known
TRUST = 0.2  # weight of such shares beside a measured cell, 1
FLOOR = 0.05  # of such a share is left whatever was measured: a million times the seeds cost something
NEAR = 0.7  # distance at which a measured cell says a third of what the nearest says
ENSEMBLE = (
    *("seeds", "starts", "trials", "polarities", "noises", "betas", "teacher_widths", "slopes"),
    *("rates", "lessons"),
)
PLACES = ("fingerprint", "data", "device")  # words that cost nothing
SAMPLES = ("samples", "eval_samples", "tuning_samples", "images", "test_images", "base_samples", "points")


class CostError(Exception):
    """A run that this machine has no room for, in one line with the numbers."""


@dataclass(frozen=True)
class Size:
    """What the settings of one cell say.

    steps       of its longest training.
    moves       steps of all groups that train one after another.
    operations  six per weight, sample and step of all networks.
    work        what the cell itself declares, which knows its kind but not every setting; else operations.
    busy        rough share of its time that these take, beside what every step needs.
    volume      bytes at the peak, but for a factor of its kind.
    words       settings that are no numbers, by name.
    evaluations operations of all looks at the networks.
    """

    networks: int
    steps: float
    moves: float
    operations: float
    work: float
    busy: float
    volume: float
    words: frozenset[tuple[str, Any]] = frozenset()
    evaluations: float = 0.0


def size(cell: Cell) -> Size:
    """The size of one cell, whatever its kind."""
    values = _values(cell)
    networks = math.prod(_count(values[name]) for name in ENSEMBLE if name in values)
    layers = _layers(values)
    ratios = values.get("over_realizations") or (1.0,)
    groups = len(ratios)
    weights = sum(a * b for a, b in zip(layers, layers[1:]))
    hidden = sum(layers[1:-1])
    spread = sum(
        max(ratio, 1e-9) for ratio in ratios
    )  # of widths over the groups, which train one after another
    batch = _number(values, "batch_size", 16.0)
    steps = _steps(values, batch)
    rows = sum(_number(values, name) for name in SAMPLES)
    seeds = _count(values.get("seeds", 1))
    bytes_ = 4 if values.get("dtype") == "float32" else 8
    pixels = 1024 / _number(values, "pool", 1.0) ** 2 if "pool" in values else 1
    moves, operations = steps * groups, 6 * steps * networks * batch * weights * spread * pixels
    volume = bytes_ * (
        seeds * rows * (layers[0] + layers[-1]) * (3 * pixels if pixels > 1 else 1)
        + networks * spread * (4 * weights + 256 * hidden * pixels)
    )
    busy = operations / FLOPS / (operations / FLOPS + STEP * moves)
    work = cell.work if type(cell).work is not Cell.work else operations
    words = {(name, value) for name, value in values.items() if _is_word(value)}
    tested = _number(values, "eval_samples") or TESTED
    return Size(
        round(networks * groups),
        steps,
        moves,
        operations,
        work,
        busy,
        volume,
        frozenset((name, value) for name, value in words if name not in PLACES),
        _looks(values) * networks * tested * weights * spread * pixels,
    )


def _values(spec: Spec) -> dict[str, Any]:
    """Fields by name; those of a record inside, where the outer one has no such field."""
    own = {name: getattr(spec, name) for name in type(spec).model_fields}
    inside: dict[str, Any] = {}
    for value in own.values():
        if isinstance(value, Spec):
            for name, other in _values(value).items():
                total = name == "epochs" and name in inside
                inside[name] = inside[name] + other if total else inside.get(name, other)
    return inside | {name: value for name, value in own.items() if not isinstance(value, Spec)}


def _is_word(value: Any) -> bool:
    """A text, yes or no, or a list of texts, such as the tables that are asked for."""
    return isinstance(value, (str, bool)) or (
        isinstance(value, tuple) and bool(value) and all(isinstance(one, str) for one in value)
    )


def _looks(values: Mapping[str, Any]) -> float:
    """How often networks are looked at while they train."""
    if "interval" in values and "horizon" in values:
        return values["horizon"] / values["interval"]
    return max(_count(values.get("looks") or values.get("snapshots") or 1), 1)


def _count(value: Any) -> float:
    return len(value) if isinstance(value, tuple) else value


def _number(values: Mapping[str, Any], name: str, other: float = 0.0) -> float:
    """The number of a field; of a list the largest."""
    found = values.get(name, other)
    numbers = [n for n in found if isinstance(n, (int, float))] if isinstance(found, tuple) else [found]
    return float(max(numbers, default=other))


def _layers(values: Mapping[str, Any]) -> list[float]:
    """Nodes of the layers of a student with one node per teacher node, unless its ratio is one number."""
    ratio = max(_number(values, "over_realization", 1.0), 1e-9)
    if "prune" in values:  # the channels of convolutions; each weight is 3 x 3
        return [3.0 * 9, *(len(values["prune"]) * [ratio * _number(values, "width") * 3]), 10.0]
    inputs = max(_number(values, name) for name in ("input_dim", "input_dims", "teachers", "inputs")) or 10.0
    outputs = _number(values, "outputs", 1.0)
    if hidden := values.get("hidden"):
        return [inputs, *(width * ratio for width in hidden), outputs]
    widths = ("teacher_width", "student_width", "students", "width", "nodes")
    width = max(_number(values, name) for name in widths) * ratio or _number(values, "teachers", 5.0)
    return [inputs, max(width, _number({"w": values.get("widths", 0.0)}, "w")), outputs]


def _steps(values: Mapping[str, Any], batch: float) -> float:
    """How often an ensemble moves."""
    if "steps" in values:
        return _number(values, "steps")
    if "epochs" in values:
        samples = _number(values, "samples") or _number(values, "images") or batch
        return _number(values, "epochs") * _number(values, "steps_per_epoch", max(samples / batch, 1.0))
    if "horizon" in values and "step" in values:
        return _number(values, "horizon") / values["step"]
    if "horizon" in values and "input_dim" in values:
        return _number(values, "horizon") * _number(values, "input_dim")
    return 1000.0


@dataclass(frozen=True)
class Measured:
    """One cell that was run to know what it costs.

    seconds     of one core.
    memory      bytes at the peak, without those of a process that computes nothing.
    disk        bytes of its tables.
    """

    cell: Cell
    kind: str
    size: Size
    seconds: float
    memory: float
    disk: float


@dataclass(frozen=True)
class Cost:
    """What some cells take together.

    seconds     of one core; ``longest`` those of the longest cell.
    memory      bytes at the peak of the largest cell; ``disk`` bytes of all tables.
    """

    cells: int
    networks: int
    steps: float
    seconds: float
    longest: float
    memory: float
    disk: float

    def wall(self, workers: int) -> float:
        """Seconds on so many processes, at least those of the longest cell."""
        return max(self.seconds / max(workers, 1), self.longest)

    def room(self, workers: int) -> float:
        """Bytes that the largest cells need side by side, the one that waits for them included."""
        return min(workers, max(self.cells, 1)) * (self.memory + WORKER) + WORKER


def table(path: Path | None = None, kinds: Container[str] | None = None) -> tuple[list[Measured], float]:
    """Measured cells, and the seconds of :func:`calibrate` on the machine that measured them.

    kinds       to look for, by default all, whose modules are imported.
    """
    path = path or place.root() / "benchmarks" / "results" / "costs.json"
    if not path.exists():
        return [], 0.0
    facts = json.loads(path.read_text(encoding="utf-8"))
    return [
        Measured(cell, row["kind"], size(cell), row["seconds"], row["memory"], row["disk"])
        for row in facts["cells"]
        if (kinds is None or row["kind"] in kinds) and (cell := revived(row["kind"], row["spec"]))
    ], facts["calibration"]


def revived(what: str, values: Mapping[str, Any]) -> Cell | None:
    """The cell of a kind with settings as JSON holds them; None where the kind has changed meanwhile."""
    module, _, name = what.rpartition(".")
    try:
        return _record(getattr(import_module(module), name), values)
    except (ImportError, AttributeError, SpecError):
        return None


def _record(kind_: Any, values: Mapping[str, Any]) -> Any:
    fields = {}
    for name, value in values.items():
        field = kind_.model_fields.get(name)
        fields[name] = (
            _record(field.annotation, value) if field and isinstance(value, dict) else _tuples(value)
        )
    return kind_(**fields)


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


def estimate(cells: Iterable[Cell], slower: float = 1.0, known: Sequence[Measured] | None = None) -> Cost:
    """What cells will cost.

    slower      how many times longer than on the machine of the table a computation takes here.
    known       measured cells; by default those of the table.
    """
    rows = table()[0] if known is None else known
    costs = [_cost(cell, slower, rows) for cell in cells]
    sums = lambda name: sum(getattr(cost, name) for cost in costs)
    most = lambda name: max((getattr(cost, name) for cost in costs), default=0.0)
    return Cost(
        len(costs),
        sums("networks"),
        sums("steps"),
        sums("seconds"),
        most("seconds"),
        most("memory"),
        sums("disk"),
    )


def _cost(cell: Cell, slower: float, known: Sequence[Measured]) -> Cost:
    own, what = size(cell), kind(cell)
    rows = [row for row in known if row.kind == what] or [_guessed(cell, own.volume)]
    there = [row for row in rows if row.cell == cell]
    return scaled(own, slower, there or rows)


def scaled(own: Size, slower: float, rows: Sequence[Measured]) -> Cost:
    """What a cell of a size will cost: by the law of measured ones, and what the nearest took beyond it."""
    far = [_apart(row.size, own) for row in rows]
    nearest = rows[far.index(min(far))]
    same = [row for row in rows if row.size.words == own.words]
    several = same if len(same) > 2 else rows
    busy = (1 - FIXED) * several[0].size.busy
    shares = FIXED / 2, FIXED / 2, 1 - FIXED - busy, busy / 3, busy / 3, busy / 3
    takes = _law([_terms(row.size) for row in several], [row.seconds for row in several], shares)
    bytes_ = lambda row: max(row.memory, LEAST)
    anyway = min(LEAST / bytes_(several[0]), 0.9)
    holds = _law(
        [(1.0, row.size.volume) for row in several], list(map(bytes_, several)), (anyway, 1 - anyway)
    )
    beyond = lambda ratios: math.exp(_near([math.log(ratio) for ratio in ratios], far))
    seconds = takes(_terms(own)) * beyond(row.seconds / takes(_terms(row.size)) for row in rows)
    memory = holds((1.0, own.volume)) * beyond(bytes_(row) / holds((1.0, row.size.volume)) for row in rows)
    disk = nearest.disk * max(own.volume / nearest.size.volume, 1.0)
    return Cost(1, own.networks, own.steps, slower * seconds, slower * seconds, memory, disk)


def _near(values: Sequence[float], far: Sequence[float]) -> float:
    """The mean of values, of which the nearest count most."""
    weights = [math.exp((min(far) - one) / NEAR) for one in far]
    return sum(weight * value for weight, value in zip(weights, values)) / sum(weights)


def _guessed(cell: Cell, memory: float) -> Measured:
    return Measured(cell, kind(cell), size(cell), UNKNOWN, memory, DISK)


def _apart(one: Size, other: Size) -> float:
    """How far two cells are from each other: words that differ, and factors between sizes, in logarithms."""
    counts = attrgetter("moves", "operations", "work", "volume", "networks")
    factors = (abs(math.log(a) - math.log(b)) for a, b in zip(counts(one), counts(other)))
    return 2 * len(one.words ^ other.words) + sum(factors)


def _terms(own: Size) -> tuple[float, ...]:
    return 1.0, own.volume, own.moves, own.operations, own.work, own.evaluations


def _law(
    terms: Sequence[Sequence[float]], values: Sequence[float], shares: Sequence[float]
) -> Callable[[Sequence[float]], float]:
    """A sum of terms, none below nothing, that is nearest to measured values by their ratios.

    shares      of the first value that its terms take, as far as the values do not say.
    """
    import numpy as np
    from scipy.optimize import nnls  # slow to import, and only what is told needs it

    rows = np.array(terms) / np.array(values)[:, None]
    first, usual = rows[0], np.array(shares)
    rows = np.vstack([rows / first, TRUST * np.eye(len(usual))])
    wanted = np.append(np.ones(len(values)), TRUST * usual)
    least = FLOOR * usual
    parts = (least + nnls(rows, wanted - rows @ least)[0]) / first
    return lambda own: float(parts @ own)


def assumed(cells: Iterable[Cell], known: Sequence[Measured]) -> list[Measured]:
    """Known cells, and of kinds that were never measured those at their usual settings, with a guess."""
    there, usual = {row.kind for row in known}, {kind(cell): cell for cell in cells}
    return [*known, *(_guessed(cell, WORKER / 4) for what, cell in usual.items() if what not in there)]


def calibrate() -> float:
    """Seconds of a fixed computation, of the kind that trains small networks: products and thresholds.

    The fastest of several, in buffers that stay, as in training: what it takes to get fresh memory differs by
    what a process did before.
    """
    import numpy as np

    rng = np.random.default_rng(1)
    x, w, v = rng.normal(size=(6, 16, 100)), rng.normal(size=(6, 100, 50)), rng.normal(size=(6, 50, 50))
    hidden, outer, active = (np.empty((6, 16, 50)) for _ in range(3))
    step, back, across = np.empty_like(w), x.transpose(0, 2, 1), v.transpose(0, 2, 1)
    took = []
    for _ in range(6):
        began = time.process_time()
        for _ in range(300):
            np.maximum(np.matmul(x, w, out=hidden), 0, out=hidden)
            np.greater(hidden, 0, out=active, casting="unsafe")
            np.matmul(np.matmul(hidden, v, out=outer), across, out=hidden)
            np.multiply(hidden, active, out=hidden)
            np.multiply(np.matmul(back, hidden, out=step), 1e-9, out=step)
            np.subtract(w, step, out=w)
        took.append(time.process_time() - began)
    return min(took)


def slower(results: Path, reference: float) -> float:
    """How much slower than the machine of the table this one is, as it was found once and kept with results.

    results     folder that takes files; ``machine.json`` is written there.
    """
    if not reference:  # nothing to compare with
        return 1.0
    path, ours = results / "machine.json", machine(())["machine"]
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        seconds = facts["calibration"] if facts["machine"] == ours else 0.0
        if not (isinstance(seconds, float) and 0 < seconds < math.inf):
            raise ValueError(seconds)
    except (OSError, ValueError, KeyError, TypeError):
        seconds = min(calibrate() for _ in range(3))
        path.write_text(json.dumps({"machine": ours, "calibration": seconds}) + "\n", encoding="utf-8")
    return seconds / reference


def free_memory() -> float:
    """Bytes that processes may still take; without limit where the system does not say."""
    found = [math.inf]
    try:
        lines = Path("/proc/meminfo").read_text(encoding="utf-8").splitlines()
        found += [int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable")]
        limit, used = (Path("/sys/fs/cgroup") / name for name in ("memory.max", "memory.current"))
        if limit.exists() and (most := limit.read_text(encoding="utf-8").strip()).isdigit():
            found.append(int(most) - int(used.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        pass
    return min(found)


def free_disk(folder: Path) -> float:
    """Bytes that are free where a folder is, or will be."""
    there = next(path for path in (folder, *folder.parents) if path.exists())
    return shutil.disk_usage(there).free


def line(cost: Cost, workers: int) -> str:
    """The line that is printed before work starts."""
    if not cost.cells:
        return "nothing to compute beforehand"
    return (
        f"{_number_of(cost.networks)} network{'s' * (cost.networks != 1)}, {_number_of(cost.steps)} steps in "
        f"{cost.cells} cell{'s' * (cost.cells != 1)}: "
        f"{duration(cost.wall(workers))} on {workers} core{'s' * (workers > 1)}, "
        f"{amount(cost.room(workers))} of memory, {amount(cost.disk)} on disk"
    )


def check(cost: Cost, workers: int, results: Path, heaviest: Callable[[str], str]) -> None:
    """Refuse what this machine has no room for.

    heaviest    says which setting weighs most in memory, disk or seconds.
    raises      CostError naming the numbers.
    """
    needed, free = cost.room(workers), free_memory()
    if not needed <= free:
        raise CostError(f"needs {amount(needed)} of memory, {amount(free)} are free; {heaviest('memory')}")
    needed, free = cost.disk, free_disk(results)
    if not needed <= free:
        raise CostError(f"needs {amount(needed)} on disk, {amount(free)} are free; {heaviest('disk')}")
    if not cost.wall(workers) < YEAR:
        raise CostError(f"would take {duration(cost.wall(workers))}; {heaviest('seconds')}")


def heaviest(values: Mapping[str, Any], without: Callable[[str], Cost | None], weight: str) -> str:
    """Which of the values that were chosen weighs most, in words.

    without     the cost if one of them, by name, had its usual value; None if that cannot be run.
    weight      memory, disk or seconds.
    """
    lighter = {name: getattr(cost, weight) for name in values if (cost := without(name))}
    if not lighter:
        return "choose a smaller scale"
    name = min(lighter, key=lambda one: lighter[one])
    return f"{name} {str(values[name])[:80]} weighs most"


def tell(
    title: str,
    stages: Callable[[Mapping[str, Any]], list[list[Cell]]],
    values: Mapping[str, Any],
    store: Store,
    folders: Sequence[Path],
    workers: int,
) -> Cost:
    """Print what is about to start, in one line.

    stages      the cells for some values; without any the usual ones.
    folders     of finished cells; these cost nothing.
    raises      CostError where this machine has no room for it.
    """
    usual = [cell for cells in stages({}) for cell in cells]
    measured, reference = table(kinds=set(map(kind, usual)))
    known = assumed(usual, measured)
    times = slower(store.folder, reference)

    def of(chosen: Mapping[str, Any]) -> Cost:
        return estimate(missing(stages(chosen), store.project, folders), times, known)

    def without(name: str) -> Cost | None:
        try:
            return of({other: value for other, value in values.items() if other != name})
        except (SpecError, ArithmeticError):
            return None

    print(f"{title}: {line(found := of(values), workers)}", flush=True)
    check(found, workers, store.folder, lambda weight: heaviest(values, without, weight))
    return found


def missing(stages: Iterable[Sequence[Cell]], project: Project, folders: Sequence[Path]) -> list[Cell]:
    """The cells that lie in none of some folders of finished cells."""
    stages = list(stages)
    return [
        cell
        for cells, ids in zip(stages, stage_ids(project, stages))
        for cell, run in zip(cells, ids)
        if not any((folder / run).exists() for folder in folders)
    ]


def duration(seconds: float) -> str:
    """A time in words, to two digits."""
    if not seconds < 1e4 * YEAR:
        return "more than ten thousand years"
    for unit, name in ((YEAR, "years"), (86_400, "days"), (HOUR, "hours"), (60, "minutes")):
        if seconds >= 1.5 * unit:
            return (
                f"about {seconds / unit:.2g} {name}"
                if seconds / unit < 99
                else f"about {seconds / unit:.0f} {name}"
            )
    return f"about {max(seconds, 1):.0f} s"


def amount(size: float) -> str:
    """A number of bytes in words."""
    return f"{size / GIB:,.1f} GiB" if size >= GIB / 2 else f"{max(size / 2**20, 0.1):.1f} MiB"


def _number_of(count: float) -> str:
    return f"{count:,.0f}" if count < 1e9 else f"{count:.1e}"
