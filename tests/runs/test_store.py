"""Results on disk: all-or-nothing folders, the gathered tables of sweeps."""

import errno
import os
import re
import subprocess
import sys
from pathlib import Path

import gated
import pandas as pd
import pytest

from companion.runs import store
from companion.runs.store import (
    StoreError,
    check_replaceable,
    check_writable,
    export,
    load,
    load_results,
    save,
)

TABLES = {
    "runs": pd.DataFrame({"seed": [1, 2], "loss": [0.1, 0.2]}),
    "more": pd.DataFrame({"status": ["ok", "ok"]}),
}


def folders(path):
    return sorted(p.name for p in path.iterdir())


def test_saved_tables_come_back(tmp_path):
    tables, facts = load(save(tmp_path / "new" / "run", TABLES, {"seconds": 1.5}))
    assert facts["seconds"] == 1.5 and tables.keys() == TABLES.keys()
    assert all(table.equals(TABLES[name]) for name, table in tables.items())
    assert folders(tmp_path / "new") == ["run"]


@pytest.mark.parametrize("reason", [errno.ENOSPC, errno.EIO])
def test_save_is_all_or_nothing(tmp_path, monkeypatch, reason):
    write, written = pd.DataFrame.to_parquet, []

    def fails_at_the_second(table, path, **options):
        written.append(path)
        if len(written) == 2:
            path.write_bytes(b"PAR1 half a")
            raise OSError(reason, os.strerror(reason))
        return write(table, path, **options)

    monkeypatch.setattr(pd.DataFrame, "to_parquet", fails_at_the_second)
    with pytest.raises(StoreError, match=f"cannot save results at {tmp_path / 'run'}: {os.strerror(reason)}"):
        save(tmp_path / "run", TABLES, {})
    assert len(written) == 2 and folders(tmp_path) == []


def test_interrupted_save_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "rename", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        save(tmp_path / "run", TABLES, {})
    assert folders(tmp_path) == []


def test_the_first_of_two_processes_wins(tmp_path):
    save(tmp_path / "run", TABLES, {"by": "first"})
    save(tmp_path / "run", TABLES, {"by": "second"})
    assert load(tmp_path / "run")[1]["by"] == "first" and folders(tmp_path) == ["run"]


def test_a_file_in_the_place_of_a_run_is_refused(tmp_path):
    (tmp_path / "run").write_text("mine")
    with pytest.raises(StoreError, match="cannot save results at .*run"):
        save(tmp_path / "run", TABLES, {})
    assert (tmp_path / "run").read_text() == "mine"


@pytest.mark.parametrize(
    "damage, message",
    [
        (
            lambda f: (f / "runs.parquet").write_bytes((f / "runs.parquet").read_bytes()[:-9]),
            "runs.parquet is damaged",
        ),
        (lambda f: (f / "runs.parquet").unlink(), "runs.parquet: No such file"),
        (lambda f: (f / "meta.json").unlink(), "meta.json: No such file"),
        (lambda f: (f / "meta.json").write_text('{"sha'), "meta.json is damaged"),
        (lambda f: (f / "meta.json").write_text("[]"), "meta.json is damaged, or not a description"),
        (lambda f: (f / "meta.json").write_text("{}"), "meta.json is damaged, or not a description"),
        (lambda f: (f / "meta.json").write_bytes(b"\xff\xfe\x00"), "meta.json is damaged"),
        (
            lambda f: (f / "meta.json").write_text('{"sha256": {}}'),
            "meta.json is damaged, or not a description",
        ),
        (lambda f: (f / "meta.json").write_text('{"sha256": {"../x": ""}}'), "meta.json is damaged, or not"),
        (
            lambda f: (f / "meta.json").write_text('{"a":' * 9999),
            "meta.json is damaged, or not a description",
        ),
        (lambda f: (f / "meta.json").write_text("[" * 99_999), "meta.json is damaged, or not a description"),
        (
            lambda f: (f / "meta.json").write_text((f / "meta.json").read_text().replace("1.5", "1.6")),
            "its facts are not those of its checksum",
        ),
    ],
)
def test_damage_is_named(tmp_path, damage, message):
    folder = save(tmp_path / "run", TABLES, {"seconds": 1.5})
    damage(folder)
    with pytest.raises(StoreError, match=message) as error:
        load(folder)
    assert str(folder) in str(error.value) and "\n" not in str(error.value)


def test_a_folder_that_takes_no_files_is_refused(tmp_path):
    (tmp_path / "file").touch()
    for place in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(
            StoreError, match=f"results folder {place} cannot be written: a file is in its place"
        ):
            check_writable(place)


def test_a_full_disk_is_seen_before_any_work(tmp_path, monkeypatch):
    def full(**_):
        return open("/dev/full", "wb", buffering=0)

    monkeypatch.setattr(store.tempfile, "TemporaryFile", full)
    with pytest.raises(StoreError, match="cannot be written: No space left on device"):
        check_writable(tmp_path)


FACTS = {"sweep": "gated", "scale": "quick"}


@pytest.fixture(scope="module")
def gathered():
    cells = [gated.numbers(seed) for seed in (1, 2, 3)]
    return {name: pd.concat([tables[name] for tables in cells], ignore_index=True) for name in cells[0]}


def test_exported_tables_come_back_rounded(tmp_path, gathered):
    tables, facts = load_results("gated", export(tmp_path / "gated", gathered, FACTS, keys=("ratio",)))
    assert facts["scale"] == "quick" and list(tables) == list(gathered)
    rounded = 0
    for name, table in gathered.items():
        assert list(table) == list(tables[name]) and len(table) == len(tables[name])
        for column in table:
            values = tables[name][column]
            assert values.dtype == table[column].dtype
            if column == "ratio" or table[column].dtype.kind != "f":
                assert (values == table[column]).all()
            else:
                assert (values == table[column].astype("float32")).all()
                rounded += (values != table[column]).any()
    assert rounded == 2  # columns: the losses and the norms


def test_numbers_that_are_looked_up_are_named_by_the_caller(tmp_path, gathered):
    """The store knows no experiment's columns: without ``keys`` every floating-point number is rounded."""
    rounded, _ = load_results("gated", export(tmp_path / "rounded", gathered, FACTS))
    exact, _ = load_results("gated", export(tmp_path / "exact", gathered, FACTS, keys={"loss", "absent"}))
    assert rounded["runs"].query("ratio == 0.1").empty and len(gathered["runs"].query("ratio == 0.1")) == 9
    assert (exact["runs"].loss == gathered["runs"].loss).all() and (
        rounded["runs"].loss != gathered["runs"].loss
    ).any()


@pytest.mark.parametrize("length", [0, 1])
def test_exported_columns_keep_their_types(tmp_path, length):
    """A short table, or one without rows, has the columns and types of a long one."""
    table = pd.DataFrame(
        {
            "count": [2**40],
            "small": [-3],
            "value": [0.5],
            "half": [float("inf")],
            "gap": [float("nan")],
            "word": ["a"],
            "yes": [True],
        }
    ).head(length)
    found = load_results("gated", export(tmp_path / "gated", {"runs": table}, FACTS))[0]["runs"]
    pd.testing.assert_frame_equal(found, table)


def test_small_integers_of_stored_tables_do_not_overflow(tmp_path):
    table = pd.DataFrame({"epoch": [100, 120], "seed": [1, 2]})
    found = load_results("gated", export(tmp_path / "gated", {"runs": table}, FACTS))[0]["runs"]
    assert (found.epoch * 1000).tolist() == [100_000, 120_000]


def test_export_is_compact(tmp_path, gathered):
    many = {
        name: pd.concat([table.assign(seed=seed) for seed in range(200)]) for name, table in gathered.items()
    }
    folder = export(tmp_path / "gated", many, FACTS, keys=("ratio",))
    measured = sum(len(table) * sum(table.dtypes == "float64") for table in many.values())
    assert sum(file.stat().st_size for file in folder.iterdir()) < 4 * measured


def test_export_replaces_its_own_results_only(tmp_path, gathered):
    place = tmp_path / "results" / "gated"
    export(place, gathered, {**FACTS, "scale": "paper"})
    export(place, gathered, FACTS)
    assert load_results("gated", place)[1]["scale"] == "quick" and folders(place.parent) == ["gated"]
    with pytest.raises(StoreError, match=f"{re.escape(str(place))} holds results of 'gated', not of 'other'"):
        export(place, gathered, {"sweep": "other"})
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.tex").write_text("words")
    with pytest.raises(StoreError, match="mine"):
        export(mine, gathered, FACTS)
    assert (mine / "thesis.tex").read_text() == "words"


def test_what_an_export_would_refuse_is_known_before_any_work(tmp_path, gathered):
    for fine in (tmp_path, tmp_path / "none", tmp_path / "below" / "none"):
        check_replaceable(fine, "gated")
    place = export(tmp_path / "gated", gathered, FACTS)
    check_replaceable(place, "gated")
    (tmp_path / "file").touch()
    for refused, sweep in [
        (place, "other"),
        (tmp_path, "gated"),
        (tmp_path / "file", "gated"),
        (tmp_path / "file" / "below", "gated"),
    ]:
        with pytest.raises(StoreError, match=str(tmp_path)):
            check_replaceable(refused, sweep)


@pytest.mark.parametrize("failing", ["to_parquet", "rename"])
def test_failed_export_keeps_the_former_tables(tmp_path, gathered, monkeypatch, failing):
    place = export(tmp_path / "gated", gathered, {**FACTS, "scale": "paper"})
    rename = os.rename

    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    def only_aside(source, target):
        return (
            rename(source, target)
            if source == place or (target == place and "former" in str(source))
            else full()
        )

    if failing == "rename":
        monkeypatch.setattr(os, "rename", only_aside)
    else:
        monkeypatch.setattr(pd.DataFrame, "to_parquet", full)
    with pytest.raises(StoreError, match="gated: No space left on device"):
        export(place, gathered, FACTS)
    monkeypatch.undo()
    assert load_results("gated", place)[1]["scale"] == "paper" and folders(tmp_path) == ["gated"]


def test_results_of_something_else_are_refused(tmp_path, gathered):
    cell = save(tmp_path / "cell", gathered, {"run": "gated.Gated"})
    with pytest.raises(StoreError, match="cell holds results of 'a single run', not of 'gated'"):
        load_results("gated", cell)
    with pytest.raises(StoreError, match=str(tmp_path / "none")):
        load_results("gated", tmp_path / "none")


TYPES = {
    "alike": [dict(n=1, x=0.5, name="a", on=True), dict(n=2, x=1.5, name="b", on=False)],
    "missing values": [dict(n=1, x=None, name="a", on=True), dict(n=2, x=1.5, name=None, on=None)],
    "a whole number and a fraction": [dict(n=1, x=2), dict(n=2.5, x=3)],
    "nothing at all and a number": [dict(n=None), dict(n=1.0)],
    "other columns": [dict(n=1, x=0.5), dict(n=2, y=1)],
}


@pytest.mark.parametrize("rows", TYPES.values(), ids=TYPES)
def test_a_table_of_many_results_is_as_if_it_were_put_together_in_memory(tmp_path, rows):
    folders = [
        save(tmp_path / str(n), {"rows": pd.DataFrame([row] * (n + 1))}, {}) for n, row in enumerate(rows)
    ]
    for some in (folders[:1], folders):
        apart = [load(folder)[0]["rows"] for folder in some]
        together = store.gathered(some, "rows")
        pd.testing.assert_frame_equal(together, pd.concat(apart, ignore_index=True))
        together.loc[0, "n"] = 7  # its memory is its own


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
def test_gathering_holds_the_rows_once(tmp_path):
    """And a column twice, of ten here; counted by the memory of the process."""
    script = tmp_path / "peak.py"
    script.write_text(
        "import sys\nfrom pathlib import Path\nimport numpy, pandas, pyarrow.parquet\n"
        "from companion.runs.store import gathered, save\n"
        "peak = lambda: int(Path('/proc/self/status').read_text().partition('VmHWM:')[2].split()[0]) / 1024\n"
        "folders = [Path(sys.argv[1]) / str(n) for n in range(20)]\n"
        "for n, folder in enumerate(folders):\n"
        "    values = numpy.random.default_rng(n).integers(9, size=(100_000, 10)).astype(float)\n"
        "    save(folder, {'rows': pandas.DataFrame(values, columns=list('abcdefghij'))}, {})\n"
        "del values\nbefore = peak()\ntable = gathered(folders, 'rows')\n"
        "print((peak() - before) / (table.memory_usage().sum() / 2**20))\n"
    )
    done = subprocess.run([sys.executable, script, tmp_path], capture_output=True, text=True, check=True)
    assert float(done.stdout) < 1.5
