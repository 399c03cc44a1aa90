"""The installed package: the wheel holds all that is needed, and a reader's work lands in his own folder."""

import hashlib
import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import nbformat
import pytest

from companion.pages import launch, notebooks
from companion.runs.store import load_results
from tests import toy_book
from tests.toy_book import ROOT

BOOK = "companion/_sources"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    words = ["wheel", "--quiet", "--no-build-isolation", "--no-deps", "--wheel-dir", folder, ROOT]
    done = subprocess.run([sys.executable, "-m", "pip", *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (found,) = folder.glob("*.whl")
    return found


def environment(folder: Path) -> Path:
    """The Python of a new environment that sees the packages of this one, but not the book.

    A .pth file adds a folder of packages, but the .pth files in it are not followed: a checkout that is
    installed there by such a file stays out of sight.
    """
    venv.create(folder, with_pip=False, symlinks=True)
    here = folder / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
    (here / "beside.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder / "bin" / "python"


@pytest.fixture(scope="module")
def python(wheel, tmp_path_factory) -> Path:
    """The Python of an environment that has the wheel installed."""
    python = environment(tmp_path_factory.mktemp("environment"))
    words = ["--python", python, "install", "--quiet", "--no-deps", "--no-index", "--no-compile", wheel]
    subprocess.run([sys.executable, "-m", "pip", *words], check=True)
    return python


def run(python: Path, folder: Path, *words: str, **more: str) -> subprocess.CompletedProcess:
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | more
    done = subprocess.run([python, *words], cwd=folder, env=variables, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done


def installed(python: Path) -> Path:
    return next(python.parents[1].glob("lib/python*/site-packages"))


def tree(folder: Path) -> dict[str, str]:
    """Digest of every file below a folder, but what Python keeps of its modules."""
    files = [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc"]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_the_wheel_holds_both_packages_and_the_sources_of_the_book(wheel):
    with zipfile.ZipFile(wheel) as files:
        names = set(files.namelist())
    command = ["git", "ls-files", "ts_core", "companion", "book", "benchmarks/results"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True).stdout.split()
    listed = listed or [
        str(path.relative_to(ROOT))
        for part in ("ts_core", "companion", "book", "benchmarks/results")
        for path in (ROOT / part).rglob("*")
        if path.is_file() and not {"__pycache__", ".ipynb_checkpoints", "figures"} & set(path.parts)
    ]
    listed = [
        name for name in listed if "/partial/" not in name
    ]  # for who goes on with a sweep in a checkout
    packages = {name for name in listed if name.startswith(("ts_core", "companion"))}
    sources = {f"{BOOK}/{name}" for name in (*(set(listed) - packages), "_toc.yml", "_config.yml")}
    assert len(packages) > 80 and len(sources) > 60
    assert {name for name in names if ".dist-info/" not in name} == packages | sources


def test_every_module_is_imported_from_the_installation_alone(python, tmp_path):
    code = (
        "import importlib, pkgutil, sys, companion, ts_core\n"
        "for package in (companion, ts_core):\n"
        "    for found in pkgutil.walk_packages(package.__path__, package.__name__ + '.'):\n"
        "        if not found.name.endswith('__main__'):\n"
        "            print(importlib.import_module(found.name).__file__)\n"
        f"assert {str(ROOT)!r} not in sys.path, sys.path\n"
    )
    files = run(python, tmp_path, "-c", code).stdout.split()
    assert len(files) > 80 and all(Path(file).is_relative_to(installed(python)) for file in files)


def test_without_a_book_of_ones_own_work_goes_into_the_folder_one_is_in(python, tmp_path):
    asked = "from companion import place; print(place.root(), place.work())"
    found = run(python, tmp_path, "-c", asked).stdout.split()
    assert found == [str(installed(python) / BOOK), str(tmp_path / "_build")]
    swept = (
        "from companion.__main__ import main; from companion.runs.sweeps import Sweep\n"
        "Sweep.run = lambda self, scale, store, target, **options: print(store.folder) or target\n"
        "for scale in ('quick', 'paper'): main(['sweep', 'sample_complexity', '--scale', scale])\n"
        "assert main(['notebooks']) == 1\n"
    )
    done = run(python, tmp_path, "-c", swept)
    made = tmp_path / "_build"
    said = [f"results go into {made}", str(made / "cells"), f"wrote {made / 'results' / 'sample_complexity'}"]
    assert done.stdout.splitlines() == 2 * said
    assert done.stderr == "error: the notebooks here stay as they are; work in a checkout of your own\n"


def test_it_lists_sweeps_and_runs_in_the_readers_folder(python, tmp_path):
    """The book of the package first, then one that the reader drops there."""
    before = tree(installed(python))
    listed = run(python, tmp_path, "-m", "companion", "list").stdout
    assert listed.startswith("two_layer_theorem\n") and "  sample_complexity: quick, paper" in listed
    assert list(tmp_path.iterdir()) == [], "a list leaves nothing"

    mine = toy_book.drop(tmp_path / "mine [1]")  # which a pattern would read as mine 1
    toy_book.leave_chapter_alone(mine)
    done = run(python, mine, "-m", "companion", "sweep", "polygon_darts", "--workers", "1")
    made = mine / "_build"
    assert done.stdout.splitlines()[-1] == f"wrote {made / 'results' / 'polygon_darts'}"
    tables, facts = load_results("polygon_darts", made / "results" / "polygon_darts")
    assert facts["scale"] == "quick" and facts["cells"] == 5 and len(tables["shares"]) == 5 * 8
    assert len(list((made / "cells").iterdir())) == 5
    done = run(python, mine, "-m", "companion", "run", "polygon", "-p", "sides", "5", "--name", "five")
    page = made / "runs" / "five" / "book" / "polygon.html"
    assert done.stdout.splitlines()[-1] == f"open {page.as_uri()}"
    assert "The inside polygon of 5 sides" in page.read_text() and not (made / "html").exists()
    assert tree(installed(python)) == before, "nothing is written into the installation"


@pytest.mark.timeout(900)  # installs the whole book
def test_a_notebook_that_is_opened_on_colab_installs_the_book_and_runs(tmp_path):
    """Its first cell, from a repository like the published one, in an environment without the book.

    git looks for the address of GitHub in a folder; pip takes what else the book needs from this environment.
    Of what the notebook computes only the points are, which take a moment; it shows stored tables before.
    """
    clone = ["git", "clone", "--quiet", "--bare", str(ROOT), str(tmp_path / "book.git")]
    if subprocess.run(clone, capture_output=True).returncode:
        pytest.skip("the sources are in no repository")
    words = ["git", "branch", "--force", "published", "HEAD"]
    subprocess.run(words, cwd=tmp_path / "book.git", check=True, capture_output=True)
    page = tmp_path / "copy_average.ipynb"
    page.write_bytes((ROOT / "book" / page.name).read_bytes())
    launch.write_cell(page, launch.Repository(address := "https://github.com/someone/book", "published"))
    notebook = nbformat.read(page, 4)
    on_colab = "import sys, types; sys.modules['google.colab'] = types.ModuleType('google.colab')"
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    last = next(cell for cell in code if "page.run(spec.points())" in cell.source)
    quick = [cell for cell in code[: code.index(last)] if "page.run" not in cell.source]
    assert any("page.stored" in cell.source for cell in quick)
    notebook.cells = [nbformat.v4.new_code_cell(on_colab), *quick, last]
    nbformat.write(notebook, page)
    python = environment(tmp_path / "environment")
    words = ["-m", "papermill", str(page), str(page), "--no-progress-bar", "--kernel", "python3"]
    instead = dict(
        GIT_CONFIG_KEY_0=f"url.{(tmp_path / 'book.git').as_uri()}.insteadOf", GIT_CONFIG_VALUE_0=address
    )
    of_pip = dict(PIP_NO_DEPS="1", PIP_NO_BUILD_ISOLATION="0", PIP_NO_COMPILE="1")
    run(python, tmp_path, *words, **instead, **of_pip, GIT_CONFIG_COUNT="1", OMP_NUM_THREADS="1")
    done = nbformat.read(page, 4)
    assert notebooks.problems(done) == []
    assert (installed(python) / BOOK / "_toc.yml").exists() and (tmp_path / "_build" / "cells").exists()
