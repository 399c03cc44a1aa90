"""Results on disk: all-or-nothing folders, the gathered tables of sweeps."""

import errno
import hashlib
import json
import os
import pickle
import random
import re
import signal
import subprocess
import sys
from contextlib import suppress

import gated
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from companion.runs import store
from companion.runs.store import (
    StoreError,
    check_replaceable,
    check_writable,
    export,
    load,
    load_results,
    recover,
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


@pytest.mark.parametrize(
    "content", [b"", b"PAR1", b"PAR1" + 60 * b"\xff" + b"PAR1", b"not a table", 500 * b"\x80"]
)
def test_a_table_that_someone_made_up_is_named(tmp_path, content):
    """Its checksum is right: whoever wrote the one wrote the other."""
    folder = save(tmp_path / "run", TABLES, {})
    (folder / "runs.parquet").write_bytes(content)
    sums = {"runs": hashlib.sha256(content).hexdigest()}
    (folder / "meta.json").write_text(json.dumps({"sha256": sums}))
    with pytest.raises(StoreError, match="runs.parquet is damaged, or not a table") as error:
        load(folder)
    assert "\n" not in str(error.value)


def test_what_a_table_says_of_itself_is_not_run(tmp_path):
    """A type that is described by a pickle, as parquet files may hold one, is not made."""
    words = pickle.dumps(Told(tmp_path / "told"))
    field = pa.field(
        "x",
        pa.int64(),
        metadata={"ARROW:extension:name": "arrow.py_extension_type", "ARROW:extension:metadata": words},
    )
    folder = save(tmp_path / "run", TABLES, {})
    pq.write_table(pa.table([pa.array([1])], schema=pa.schema([field])), folder / "runs.parquet")
    sums = {"runs": hashlib.sha256((folder / "runs.parquet").read_bytes()).hexdigest()}
    (folder / "meta.json").write_text(json.dumps({"sha256": sums}))
    with suppress(StoreError):
        load(folder)
    assert not (tmp_path / "told").exists()
    pickle.loads(words)
    assert (tmp_path / "told").exists(), "it would have"


class Told:
    """What leaves a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("seconds", ["NaN", "-1", '"1"', "[]", "Infinity"])
def test_seconds_that_are_none_are_refused(tmp_path, seconds):
    folder = save(tmp_path / "run", TABLES, {})
    facts = json.loads((folder / "meta.json").read_text())
    (folder / "meta.json").write_text(
        json.dumps({"sha256": facts["sha256"]}).replace("}}", f'}}, "seconds": {seconds}}}')
    )
    with pytest.raises(StoreError, match="meta.json is damaged, or not a description"):
        load(folder)


@pytest.mark.parametrize("file", ["meta.json", "runs.parquet"])
def test_no_flipped_bit_and_no_cut_goes_unnoticed(tmp_path, file):
    """Two hundred of each: the same tables and facts, or the name of the file."""
    folder = save(tmp_path / "run", TABLES, {"seconds": 1.5, "spec": {"seed": 3}})
    whole, tables = (folder / file).read_bytes(), load(folder)[0]
    chance, refused = random.Random(5), 0
    for _ in range(200):
        flipped = bytearray(whole)
        flipped[chance.randrange(len(whole))] ^= 1 << chance.randrange(8)
        for content in (bytes(flipped), whole[: chance.randrange(len(whole) - 1)]):
            (folder / file).write_bytes(content)
            try:
                found, more = load(folder)
            except StoreError as error:
                refused += str(folder) in str(error)
                continue
            assert all(found[name].equals(table) for name, table in tables.items())
            assert {name: more.get(name) for name in ("seconds", "spec")} == {
                "seconds": 1.5,
                "spec": {"seed": 3},
            }
    assert refused > 390, "but for white space"


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


KILLED = """
import os, signal, sys
from pathlib import Path
import pandas as pd
from companion.runs.store import export
rename, calls = os.rename, []

def killed(*places):
    calls.append(rename(*places))
    if len(calls) == int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)

os.rename = killed
export(Path(sys.argv[1]), {"runs": pd.DataFrame({"loss": [0.5]})}, {"sweep": "gated", "scale": "quick"})
"""


@pytest.mark.parametrize("renames, scale", [(1, "paper"), (2, "quick")])
def test_an_export_that_is_killed_is_undone_or_done(tmp_path, gathered, renames, scale):
    """Between the two swaps nothing lies in the place: the former tables are put back."""
    place = export(tmp_path / "gated", gathered, {**FACTS, "scale": "paper"})
    other = tmp_path / ".gated-other-abcdefgh"  # of another sweep
    other.mkdir()
    ended = subprocess.run([sys.executable, "-c", KILLED, place, str(renames)], capture_output=True)
    assert ended.returncode == -signal.SIGKILL and len(folders(tmp_path)) == 3 - (renames == 1)
    recover(place)
    assert load_results("gated", place)[1]["scale"] == scale
    assert folders(tmp_path) == [other.name, "gated"]


def test_an_export_at_work_is_left_alone(tmp_path):
    with store.staging(tmp_path / "gated") as staged:
        recover(tmp_path / "gated")
        assert staged.exists()
    assert folders(tmp_path) == []


def test_results_of_something_else_are_refused(tmp_path, gathered):
    cell = save(tmp_path / "cell", gathered, {"run": "gated.Gated"})
    with pytest.raises(StoreError, match="cell holds results of 'a single run', not of 'gated'"):
        load_results("gated", cell)
    with pytest.raises(StoreError, match=str(tmp_path / "none")):
        load_results("gated", tmp_path / "none")
