"""Who made a number: ids of runs and of the code behind them, provenance."""

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import gated
import pytest

from companion.experiments.two_layer.spec import TwoLayer
from companion.project import PROJECT
from companion.runs.identity import Project, code_hash, code_id, kind, machine, origin, run_id, sources

MODULE = "companion.experiments.two_layer.spec"
SOURCES = sources(PROJECT.packages)
CELL = TwoLayer()
ROOT = Path(__file__).resolve().parents[2]


OWN = """
from companion.runs.identity import Project, origin
from companion.runs.spec import Cell


class Own(Cell):
    def run(self, *earlier):
        return {}
"""


def facts_of_own(folder):
    """Commit and whether something changed, as a process elsewhere sees a cell of ``own`` in a folder."""
    look = "import own, json; f = own.origin(own.Project(('companion.runs',)), own.Own())\n"
    look += "print(json.dumps([f['commit'], f['uncommitted_changes']]))"
    return json.loads(printed(look, folder, env=surroundings(folder)))


def printed(source, *words, **options):
    """What a fresh process prints; without bytecode, whose times are too coarse for our edits."""
    command = [sys.executable, "-B", "-c", source, *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, **options)
    assert done.returncode == 0, done.stderr
    return done.stdout


def surroundings(*folders):
    """Environment in which our packages and some more folders can be imported."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, [ROOT, *folders]))}


def edited(module, old, new):
    """The project's sources with one edit."""
    assert old in SOURCES[module]
    return {**SOURCES, module: SOURCES[module].replace(old, new)}


def test_code_id_ignores_what_makes_no_numbers():
    comments = edited(
        "ts_core.metrics", "VARIANCE_FLOOR = 1e-10", "\n\n# why\nVARIANCE_FLOOR    =   1e-10 # small"
    )
    docstrings = edited("ts_core.metrics", '"""Pearson correlation of each', '"""Some correlation of each')
    layout = edited("ts_core.training.batches", "BLOCK = 5", "BLOCK = (5)")
    nobody = edited("ts_core.theory.kernels", "import", "import statistics\nimport")
    for texts in (comments, docstrings, layout, nobody):
        assert code_hash(MODULE, texts) == code_id(PROJECT.packages, MODULE)


@pytest.mark.parametrize(
    "module, old, new",
    [
        ("ts_core.metrics", "VARIANCE_FLOOR = 1e-10", "VARIANCE_FLOOR = 1e-9"),
        ("ts_core.training.batches", "BLOCK = 5", "BLOCK = 6"),
        ("ts_core.data", "std: float = 1.5", "std: float = 1.25"),
        ("ts_core.teachers", "np.linspace(-1.0, 1.0, 9)", "np.linspace(-1.0, 1.0, 5)"),
        # imported when a cell runs
        ("companion.experiments.two_layer.run", "seen = evaluate", "seen = 2 * evaluate"),
        ("companion.runs.spec", "gt=0", "gt=1"),
        (MODULE, "Count = 100", "Count = 50"),
    ],
)
def test_code_id_notices_a_changed_constant(module, old, new):
    assert code_hash(MODULE, edited(module, old, new)) != code_id(PROJECT.packages, MODULE)


@pytest.mark.parametrize(
    "line",
    ["from pack.low import value", "from pack import low", "import pack.low", "import pack.low as other"],
)
def test_code_id_follows_every_form_of_import(line):
    texts = {"pack": "", "pack.top": f"def run():\n    {line}", "pack.low": "value = 1", "pack.other": ""}
    assert code_hash("pack.top", texts) != code_hash("pack.top", {**texts, "pack.low": "value = 2"})
    assert code_hash("pack.top", texts) == code_hash("pack.top", {**texts, "pack.other": "value = 2"})


def test_code_id_follows_imports_of_imports():
    texts = {
        "pack": "",
        "pack.top": "def run():\n    from pack.middle import of",
        "pack.middle": "from pack.low import value\ndef of(): return value",
        "pack.low": "import pack.lowest\nvalue = pack.lowest.value",
        "pack.lowest": "value = 1",
    }
    assert code_hash("pack.top", texts) != code_hash("pack.top", {**texts, "pack.lowest": "value = 2"})


def test_every_module_of_a_project_is_known_by_name():
    assert {"ts_core", "ts_core.theory", "ts_core.theory.geometry"} <= SOURCES.keys()
    assert {"companion", "companion.runs.identity", "companion.chapters"} <= SOURCES.keys()
    runs = [name for name in SOURCES if name.startswith("companion.runs")]
    assert len(runs) > 5 and all(importlib.import_module(name).__name__ == name for name in runs)
    assert not [name for name in sources(("companion.runs",)) if not name.startswith("companion.runs")]


def test_code_id_is_of_the_code_as_loaded(tmp_path):
    """Sources are read once, when a project is made: a later edit cannot rename what loaded code computes."""
    assert SOURCES[MODULE] == Path(importlib.import_module(MODULE).__file__).read_text()
    assert code_id.cache_info().maxsize is None and sources.cache_info().maxsize is None
    (tmp_path / "pack").mkdir()
    (tmp_path / "pack" / "__init__.py").touch()
    (tmp_path / "pack" / "top.py").write_text("value = 1")
    later = (
        "import sys; from pathlib import Path\n"
        "from companion.runs.identity import Project, code_hash, code_id, sources\n"
        "known = Project(('pack',)); file = Path(sys.argv[1])\n"
        "file.write_text('value = 2')\n"
        "now = {'pack': '', 'pack.top': 'value = 1'}\n"
        "assert sources(known.packages) == now\n"
        "assert code_id(known.packages, 'pack.top') == code_hash('pack.top', now)\n"
    )
    printed(later, tmp_path / "pack" / "top.py", env=surroundings(tmp_path))


def test_an_edit_of_code_that_is_not_loaded_yet_stops_the_run(tmp_path):
    """A cell imports its engine when it runs: an edit before would put new numbers under the old id."""
    (tmp_path / "lazy").mkdir()
    for name, text in {"__init__": "", "cells": LAZY, "engine": "VALUE = 1", "other": "VALUE = 1"}.items():
        (tmp_path / "lazy" / f"{name}.py").write_text(text)
    run = """
import sys
from pathlib import Path
from companion.runs.identity import Project, code_id
from companion.runs.workers import RunError, timed
from lazy.cells import Lazy

project, folder = Project(("lazy",)), Path(sys.argv[1])
for module in ("engine", "other"):  # what makes no numbers may be edited at any time
    (folder / f"{module}.py").write_text(sys.argv[2] if module == "engine" else "VALUE = 2")
try:
    print(timed(project, Lazy(), code_id(project.packages, "lazy.cells", "Lazy"))[0])
    (folder / "engine.py").write_text("VALUE = 3")  # it is loaded now
    print(timed(project, Lazy(), code_id(project.packages, "lazy.cells", "Lazy"))[0])
except RunError as error:
    print("refused:", error)
"""
    answers = []
    for text in ("VALUE = 1  # why", "VALUE = 2"):
        (tmp_path / "lazy" / "engine.py").write_text("VALUE = 1")
        answers.append(printed(run, tmp_path / "lazy", text, env=surroundings(tmp_path)).splitlines())
    assert answers[0] == ["{'value': 1}", "{'value': 1}"]
    (refused,) = answers[1]
    assert refused.startswith("refused: lazy.engine was edited since this process started")


def test_cells_that_share_a_module_have_ids_of_their_own():
    """What another cell computes with, and only it, is no part of an id; what both use is."""
    top = "from pack import low, other\nSHARED = 1\n"
    top += "class One:\n    a = low.value + SHARED\nclass Two(One):\n    b = other.value"
    texts = {"pack": "", "pack.top": top, "pack.low": "value = 1", "pack.other": "value = 1"}
    ids = lambda **changed: [code_hash("pack.top", texts | changed, name) for name in ("One", "Two")]
    (one, two), shared = ids(), {"pack.top": top.replace("SHARED = 1", "SHARED = 2")}
    assert one != two
    assert all(now != before for now, before in zip(ids(**shared), (one, two), strict=True))
    grown = ids(**{"pack.top": top.replace("other.value", "other.value + 1")})
    assert grown[0] == one and grown[1] != two


LAZY = """
from companion.runs.spec import Cell


class Lazy(Cell):
    def run(self, *earlier):
        from lazy.engine import VALUE

        return {"value": VALUE}
"""


def test_two_projects_do_not_share_ids():
    """The packages say which code counts: the same cell of another project has another id."""
    assert code_id(("companion.runs",), MODULE) != code_id(PROJECT.packages, MODULE)
    assert run_id(Project(("companion.runs",)), CELL) != run_id(PROJECT, CELL)


def test_every_field_and_the_type_are_part_of_an_id(tmp_path):
    one = gated.Gated(seed=1, gate=str(tmp_path))
    assert run_id(gated.PROJECT, one) == run_id(gated.PROJECT, gated.Gated(seed=1, gate=str(tmp_path)))
    others = [
        gated.Gated(seed=2, gate=str(tmp_path)),
        gated.Gated(seed=1, gate="."),
        gated.Sums(seed=1, gate=str(tmp_path)),
    ]
    assert len({run_id(gated.PROJECT, cell) for cell in (one, *others)}) == 4
    # A default that is written out is the same run.
    assert run_id(PROJECT, CELL) == run_id(PROJECT, TwoLayer(input_dim=100))
    assert run_id(PROJECT, CELL) != run_id(PROJECT, TwoLayer(input_dim=99))


def test_provenance_says_where_numbers_come_from():
    facts = {**origin(PROJECT, CELL), **machine(PROJECT.libraries)}
    assert facts["run"] == kind(CELL) == f"{MODULE}.TwoLayer"
    assert facts["code"] == code_id(PROJECT.packages, MODULE, "TwoLayer")
    assert facts["versions"].keys() >= {"python", "torch", "numpy", "pandas"} and "cores" in facts["machine"]
    json.dumps(facts)


def test_provenance_names_the_libraries_that_a_project_uses():
    assert machine(("numpy", "no-such-library"))["versions"].keys() == {"python", "numpy"}
    assert machine(gated.PROJECT.libraries)["versions"].keys() == {"python", "numpy", "pandas"}


def test_provenance_knows_the_commit_and_uncommitted_changes(tmp_path):
    """Of the folder that the cell's code lies in, whatever folder one works in."""
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b"]
    (tmp_path / "own.py").write_text(OWN)
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "one"]):
        subprocess.run([*git, *words], check=True)
    asked = subprocess.run([*git, "rev-parse", "--short", "HEAD"], capture_output=True, text=True)
    commit = asked.stdout.strip()
    assert facts_of_own(tmp_path) == [commit, False]
    (tmp_path / "notes.txt").touch()
    assert facts_of_own(tmp_path) == [commit, False]  # makes no numbers
    (tmp_path / "more.py").touch()
    assert facts_of_own(tmp_path) == [commit, True]


def test_provenance_needs_no_git(monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert origin(PROJECT, CELL)["commit"] == ""


def test_runs_know_no_science(tmp_path):
    """All of companion.runs in a fresh process elsewhere: it loads no torch, nor anything else of ours."""
    modules = [name for name in sources(("companion.runs",)) if name != "companion.runs"]
    assert len(modules) > 5
    look = f"import sys, {', '.join(modules)}\nprint(*sys.modules)"
    loaded = printed(look, cwd=tmp_path, env=surroundings()).split()
    ours = {name for name in loaded if name.split(".")[0] in ("companion", "ts_core")}
    assert ours == {"companion", "companion.runs", *modules}
    assert not {"torch", "matplotlib", "papermill"} & set(loaded)
