"""Results on disk: ids, all-or-nothing folders, the committed tables."""

import errno
import json
import os
import re

import pandas as pd
import pytest

from gated import TINY
from ts_core import store
from ts_core.experiments.two_layer import Cell, run
from ts_core.store import StoreError, check_writable, code_hash, code_id, export, load, load_results, save

MODULE = "ts_core.experiments.two_layer"
TABLES = {"runs": pd.DataFrame({"seed": [1, 2], "loss": [0.1, 0.2]}), "more": pd.DataFrame({"status": ["ok", "ok"]})}


def edited(module, old, new):
    """The package's sources with one edit."""
    assert old in store.SOURCES[module]
    return {**store.SOURCES, module: store.SOURCES[module].replace(old, new)}


def folders(path):
    return sorted(p.name for p in path.iterdir())


def test_code_id_ignores_what_makes_no_numbers():
    comments = edited("ts_core.metrics", "VARIANCE_FLOOR = 1e-10", "\n\n# why\nVARIANCE_FLOOR    =   1e-10 # small")
    docstrings = edited("ts_core.metrics", '"""Pearson correlation of each', '"""Some correlation of each')
    layout = edited("ts_core.training", "BLOCK = 5", "BLOCK = (5)")
    nobody = edited("ts_core.theory", "import", "import statistics\nimport")
    for sources in (comments, docstrings, layout, nobody):
        assert code_hash(MODULE, sources) == code_id(MODULE)


@pytest.mark.parametrize("module, old, new", [
    ("ts_core.metrics", "VARIANCE_FLOOR = 1e-10", "VARIANCE_FLOOR = 1e-9"),
    ("ts_core.training", "BLOCK = 5", "BLOCK = 6"),
    ("ts_core.data", "std: float = 1.5", "std: float = 1.25"),
    ("ts_core.networks", "np.linspace(-1.0, 1.0, 9)", "np.linspace(-1.0, 1.0, 5)"),
    (MODULE, 'Count = 100', 'Count = 50'),
])
def test_code_id_notices_a_changed_constant(module, old, new):
    assert code_hash(MODULE, edited(module, old, new)) != code_id(MODULE)


@pytest.mark.parametrize("line", [
    "from pack.low import value", "from pack import low", "import pack.low", "import pack.low as other",
])
def test_code_id_follows_every_form_of_import(line):
    sources = {"pack": "", "pack.top": f"def run():\n    {line}", "pack.low": "value = 1", "pack.other": ""}
    assert code_hash("pack.top", sources) != code_hash("pack.top", {**sources, "pack.low": "value = 2"})
    assert code_hash("pack.top", sources) == code_hash("pack.top", {**sources, "pack.other": "value = 2"})


def test_code_id_is_of_the_code_as_loaded():
    """The sources are read once, at import, so that a later edit cannot rename what the loaded code computes."""
    assert store.SOURCES[MODULE] == (store.PACKAGE / "experiments" / "two_layer.py").read_text()
    assert code_id.cache_info().maxsize is None and code_id(MODULE) is code_id(MODULE)


def test_provenance_says_where_numbers_come_from():
    facts = {**store.origin(run), **store.machine()}
    assert facts["run"] == MODULE and facts["code"] == code_id(MODULE)
    assert facts["versions"].keys() >= {"python", "torch", "numpy", "pandas"} and "cores" in facts["machine"]
    json.dumps(facts)


def test_provenance_needs_no_git(monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert store.origin(run)["commit"] == ""


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


@pytest.mark.parametrize("damage, message", [
    (lambda f: (f / "runs.parquet").write_bytes((f / "runs.parquet").read_bytes()[:-9]), "runs.parquet is damaged"),
    (lambda f: (f / "runs.parquet").unlink(), "runs.parquet: No such file"),
    (lambda f: (f / "meta.json").unlink(), "meta.json: No such file"),
    (lambda f: (f / "meta.json").write_text('{"sha'), "meta.json is damaged"),
    (lambda f: (f / "meta.json").write_text("[]"), "meta.json is damaged, or not a description"),
    (lambda f: (f / "meta.json").write_text("{}"), "meta.json is damaged, or not a description"),
    (lambda f: (f / "meta.json").write_bytes(b"\xff\xfe\x00"), "meta.json is damaged"),
])
def test_damage_is_named(tmp_path, damage, message):
    folder = save(tmp_path / "run", TABLES, {})
    damage(folder)
    with pytest.raises(StoreError, match=message) as error:
        load(folder)
    assert str(folder) in str(error.value) and "\n" not in str(error.value)


def test_a_folder_that_takes_no_files_is_refused(tmp_path):
    (tmp_path / "file").touch()
    for place in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(StoreError, match=f"results folder {place} cannot be written: a file is in its place"):
            check_writable(place)


def test_a_full_disk_is_seen_before_any_work(tmp_path, monkeypatch):
    def full(**_):
        return open("/dev/full", "wb", buffering=0)

    monkeypatch.setattr(store.tempfile, "TemporaryFile", full)
    with pytest.raises(StoreError, match="cannot be written: No space left on device"):
        check_writable(tmp_path)


@pytest.fixture(scope="module")
def gathered():
    return run(Cell(**TINY, seeds=(1, 2, 3), dtype="float64"))


FACTS = {"sweep": "fan_out", "scale": "quick"}


def test_exported_tables_come_back_rounded(tmp_path, gathered):
    tables, facts = load_results("fan_out", export(tmp_path / "fan_out", gathered, FACTS))
    assert facts["scale"] == "quick" and tables.keys() == gathered.keys()
    for name, table in gathered.items():
        assert set(table) == set(tables[name]) and len(table) == len(tables[name])
        for column in table:
            values = tables[name][column]
            assert values.dtype == table[column].dtype
            if column in store.KEYS or table[column].dtype.kind != "f":
                assert (values == table[column]).all()
            else:
                assert (values == table[column].astype("float32")).all()


def test_export_is_compact(tmp_path, gathered):
    many = {name: pd.concat([table.assign(seed=seed) for seed in range(200)]) for name, table in gathered.items()}
    folder = export(tmp_path / "fan_out", many, FACTS)
    measured = sum(len(table) * sum(table.dtypes == "float64") for table in many.values())
    assert sum(file.stat().st_size for file in folder.iterdir()) < 4 * measured
    norms = pd.read_parquet(folder / "teacher_norms.parquet")
    assert len(norms) == len(many["teachers"].drop_duplicates(list(store.TEACHER)))
    assert "fan_out_norm" not in pd.read_parquet(folder / "teachers.parquet")


def test_export_replaces_its_own_results_only(tmp_path, gathered):
    place = tmp_path / "results" / "fan_out"
    export(place, gathered, {**FACTS, "scale": "paper"})
    export(place, gathered, FACTS)
    assert load_results("fan_out", place)[1]["scale"] == "quick" and folders(place.parent) == ["fan_out"]
    with pytest.raises(StoreError, match=f"{re.escape(str(place))} holds results of 'fan_out', not of 'other'"):
        export(place, gathered, {"sweep": "other"})
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.tex").write_text("words")
    with pytest.raises(StoreError, match="mine"):
        export(mine, gathered, FACTS)
    assert (mine / "thesis.tex").read_text() == "words"


@pytest.mark.parametrize("failing", ["to_parquet", "rename"])
def test_failed_export_keeps_the_former_tables(tmp_path, gathered, monkeypatch, failing):
    place = export(tmp_path / "fan_out", gathered, {**FACTS, "scale": "paper"})
    rename = os.rename

    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    def only_aside(source, target):
        return rename(source, target) if source == place or target == place and "former" in str(source) else full()

    if failing == "rename":
        monkeypatch.setattr(os, "rename", only_aside)
    else:
        monkeypatch.setattr(pd.DataFrame, "to_parquet", full)
    with pytest.raises(StoreError, match="fan_out: No space left on device"):
        export(place, gathered, FACTS)
    monkeypatch.undo()
    assert load_results("fan_out", place)[1]["scale"] == "paper" and folders(tmp_path) == ["fan_out"]


def test_results_of_something_else_are_refused(tmp_path, gathered):
    cell = save(tmp_path / "cell", gathered, {"run": MODULE})
    with pytest.raises(StoreError, match="cell holds results of 'a single run', not of 'fan_out'"):
        load_results("fan_out", cell)
    with pytest.raises(StoreError, match=str(tmp_path / "none")):
        load_results("fan_out", tmp_path / "none")


@pytest.mark.parametrize("sweep", sorted(path.parent.name for path in store.COMMITTED.glob("*/meta.json")))
def test_committed_results_are_whole_and_small(sweep):
    tables, facts = load_results(sweep)
    assert facts["scale"] in ("laptop", "paper") and facts["cells"] > 0 and all(len(table) for table in tables.values())
    assert sum(file.stat().st_size for file in (store.COMMITTED / sweep).iterdir()) < 6e6
