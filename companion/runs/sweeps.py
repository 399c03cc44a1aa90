"""Sweeps: named sets of cells at several scales, run or resumed, and gathered into one folder of tables."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from companion.runs.cells import Store, plain, run_stages, summary
from companion.runs.identity import stage_ids
from companion.runs.partial import Partial
from companion.runs.spec import SweepSpec
from companion.runs.store import check_apart, check_replaceable, check_writable, export, recover
from companion.runs.workers import RunError

SCALES = ("quick", "laptop", "paper")


@dataclass(frozen=True)
class Sweep:
    """One sweep: its settings by scale, ``quick``, ``laptop`` or ``paper``.

    ``quick`` is a chapter's defaults, ``paper`` the paper's own.

    keys        columns of its tables that hold floating-point numbers and are looked up by value.
    inner       tables that only its later stages read: they stay with the finished cells.
    raises      ValueError for a scale of another name.
    """

    name: str
    scales: Mapping[str, SweepSpec]
    keys: tuple[str, ...] = ()
    inner: tuple[str, ...] = ()

    def __post_init__(self):
        unknown = set(self.scales) - set(SCALES)
        if unknown or not self.scales:
            raise ValueError(
                f"{self.name}: scales must be some of {', '.join(SCALES)}, got {sorted(unknown)}"
            )

    def settings(self, scale: str) -> SweepSpec:
        """Settings at a scale; raises RunError for one that does not exist."""
        if scale not in SCALES:
            raise RunError(f"unknown scale {scale!r}; known are {', '.join(SCALES)}")
        if scale not in self.scales:
            raise RunError(f"{self.name} has no {scale} scale; try {' or '.join(self.scales)}")
        return self.scales[scale]

    def run(
        self,
        scale: str,
        store: Store,
        target: Path,
        *,
        data: Path | None = None,
        before: Callable[[], object] = lambda: None,
        **options,
    ) -> Path:
        """Run or resume the cells of a scale, then write their gathered tables.

        store       of finished cells.
        target      the folder of the gathered tables (see :func:`companion.runs.store.load_results`). Until
                    they are complete each finished cell is kept in its folder ``partial``, whatever ends this
                    run, and taken from there, whatever machine began: see :mod:`companion.runs.partial`.
        data        folder of input data, for a sweep that reads any.
        before      is called when everything is checked and nothing has begun.
        options     as in :func:`companion.runs.cells.finish`.
        returns     ``target``.
        raises      RunError, StoreError: before any work where it can be known then.
        """
        spec = self.settings(scale)
        spec.check(data)
        check_apart(target, store.folder)
        recover(target)
        check_replaceable(target, self.name)
        check_writable(store.folder)
        about, stages = {"sweep": self.name, "scale": scale, "spec": plain(spec)}, spec.stages(data)
        ids = stage_ids(store.project, stages)
        work = {run: cell.work for runs, cells in zip(ids, stages) for run, cell in zip(runs, cells)}
        partial = Partial(target, about, work)
        partial.check()
        before()
        partial.restore(store.folder)
        try:
            tables, facts = run_stages(stages, store, title=self.name, keep=partial.keep, **options)
        finally:
            partial.count()
        shown = {name: table for name, table in tables.items() if name not in self.inner}
        return export(target, shown, {**about, **summary(facts)}, self.keys)
