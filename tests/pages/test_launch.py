"""Buttons and a first cell that open a notebook elsewhere, where the book has an address."""

import sys
from types import ModuleType

import nbformat
import pytest
import yaml
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from companion.pages import launch
from tests.toy_book import ROOT

WHERE = launch.Repository("https://github.com/someone/book", "main")


@pytest.fixture
def notebook(tmp_path):
    path = tmp_path / "page.ipynb"
    nbformat.write(new_notebook(cells=[new_markdown_cell("# Title"), new_code_cell("1")]), path)
    return path


def test_the_address_is_read_from_the_configuration(tmp_path):
    for words, found in (
        ("", None),
        ('repository: {url: "", branch: main}', None),
        ("repository: {url: https://github.com/someone/book/, branch: main}", WHERE),
    ):
        (tmp_path / "_config.yml").write_text(f"title: x\n{words}\n")
        assert launch.repository(tmp_path) == found


def test_the_first_cell_comes_stays_and_goes(notebook):
    before = notebook.read_bytes()
    launch.write_cell(notebook, None)
    assert notebook.read_bytes() == before
    launch.write_cell(notebook, WHERE)
    with_cell = notebook.read_bytes()
    first = nbformat.read(notebook, 4).cells[0]
    assert first.metadata.tags == ["launch", "remove-cell"] and WHERE.requirement in first.source
    launch.write_cell(notebook, WHERE)
    assert notebook.read_bytes() == with_cell
    launch.write_cell(notebook, None)
    assert [cell.source for cell in nbformat.read(notebook, 4).cells] == ["# Title", "1"]


@pytest.mark.parametrize("on_colab", [True, False])
def test_the_cell_installs_on_colab_and_nowhere_else(notebook, monkeypatch, on_colab):
    from IPython.core.interactiveshell import InteractiveShell

    if on_colab:
        monkeypatch.setitem(sys.modules, "google.colab", ModuleType("google.colab"))
    asked = []
    shell = InteractiveShell()
    shell.register_magic_function(asked.append, magic_name="pip")
    launch.write_cell(notebook, WHERE)
    shell.run_cell(nbformat.read(notebook, 4).cells[0].source).raise_error()
    assert asked == ([f'install --quiet "{WHERE.requirement}"'] if on_colab else [])


def test_binder_installs_what_make_installs():
    lines = (ROOT / ".binder" / "requirements.txt").read_text().splitlines()
    assert (ROOT / ".binder" / lines[-1].removeprefix("-r ")).resolve() == ROOT / "requirements.txt"
    makefile = (ROOT / "Makefile").read_text()
    (install,) = [line for line in (ROOT / ".binder" / "postBuild").read_text().splitlines() if "pip" in line]
    for word in install.split()[2:]:
        assert word in makefile, word
    (version,) = (ROOT / ".binder" / "runtime.txt").read_text().split()
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "book.yml").read_text())
    versions = [step["with"]["python-version"] for step in workflow["jobs"]["check"]["steps"]
                if "python-version" in step.get("with", {})]  # fmt: skip
    assert [f"python-{one}" for one in versions] == [version]
