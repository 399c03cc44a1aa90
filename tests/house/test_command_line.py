"""The command line of sweeps: what it refuses, in one line and before any work."""

import subprocess
import sys

import gated
import pandas as pd
import pytest

from companion import __main__ as command_line
from companion import chapters, project
from companion.__main__ import main
from companion.runs.store import load_results
from companion.runs.sweeps import Sweep


@pytest.mark.parametrize(
    "words, message",
    [
        (["--workers", "0"], "error: need at least 1 worker"),
        (["--results", "/dev/null/cells"], "error: results folder /dev/null/cells cannot be written: a file"),
        (["--export", "/dev/null/tables"], "error: results folder /dev/null cannot be written"),
        (["--scale", "laptop"], "error: fan_out has no laptop scale; try quick or paper"),
    ],
)
def test_command_line_refuses_in_one_line(words, message, tmp_path, capsys):
    places = ["--results", str(tmp_path / "cells"), "--export", str(tmp_path / "tables")]
    assert main(["sweep", "fan_out", *places, *words]) == 1
    error = capsys.readouterr().err
    assert error.startswith(message) and error.count("\n") == 1
    assert not list(tmp_path.glob("cells/*"))


def test_an_unknown_sweep_is_named_with_the_nearest_and_the_list_has_all(capsys):
    assert main(["sweep", "fan_in"]) == 1
    error = capsys.readouterr().err
    assert "unknown sweep 'fan_in'; did you mean fan_out? python -m companion list names all" in error
    assert error.count("\n") == 1
    assert main(["list"]) == 0
    text = capsys.readouterr().out
    assert all(f"  {name}: {', '.join(sweep.scales)}\n" in text for name, sweep in chapters.sweeps().items())


def test_the_help_names_no_sweep_and_no_chapter(capsys):
    """They are found by looking, so a new one needs no edit of a help text."""
    with pytest.raises(SystemExit):
        main(["sweep", "--help"])
    text = capsys.readouterr().out
    assert "as in `list`" in text and not [name for name in chapters.sweeps() if name in text.split()]


@pytest.mark.parametrize(
    "error", [KeyboardInterrupt(), RuntimeError("SchemaError: Field 'law':\n  KeyboardInterrupt: ")]
)
def test_an_interruption_before_anything_is_read_ends_in_one_line(error, monkeypatch, capsys):
    """Also while pydantic builds a class, which makes an error of its own of it."""

    def interrupted():
        raise error

    monkeypatch.setattr(command_line, "arguments", interrupted)
    assert main(["list"]) == 130
    assert capsys.readouterr().err == "interrupted; every rendering is as it was\n"


def test_no_other_error_passes_for_an_interruption(monkeypatch):
    def broken():
        raise RuntimeError("SchemaError: Unknown schema type")

    monkeypatch.setattr(command_line, "arguments", broken)
    with pytest.raises(RuntimeError, match="Unknown schema type"):
        main(["list"])


ONE = """
import sys
from companion import chapters
known = chapters.parameters()
assert list(known) == chapters.names() and len(known) > 10 and "pruning" in known and "sorting" not in known
assert known["pruning"].chapter() == "pruning"
others = [name for name in known if name != "pruning" and f"companion.chapters.{name}" in sys.modules]
assert not others, others
"""


def test_a_chapter_is_imported_when_it_is_asked_for():
    subprocess.run([sys.executable, "-c", ONE], check=True)


def test_chapters_have_the_order_that_is_asked_for_and_names_of_others_are_left_out():
    known = chapters.parameters(["spectral", "scorecard", "cifar10"])
    assert list(known) == ["spectral", "cifar10"] and len(known) == 2
    with pytest.raises(KeyError):
        known["scorecard"]
    assert not chapters.parameters(["scorecard"]) and not chapters.parameters([])


def test_every_sweep_is_found_by_its_name():
    found = chapters.sweeps()
    assert {"fan_out", "sample_complexity", "dataset_size", "cifar10"} <= set(found) and list(
        found
    ) == sorted(found)
    assert all(isinstance(sweep, Sweep) and sweep.name == name for name, sweep in found.items())
    assert all("quick" in sweep.scales for sweep in found.values())


@pytest.fixture
def two_chapters(monkeypatch, tmp_path):
    """Writes a chapter in a folder of its own, beside the book's."""
    monkeypatch.setattr(chapters, "__path__", [*chapters.__path__, str(tmp_path)])

    def write(name, *lines):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").touch()
        (tmp_path / name / "sweeps.py").write_text("\n".join(["import gated", *lines]))
        for module in (name, f"{name}.sweeps"):
            forget.append(f"companion.chapters.{module}")

    forget = []
    yield write
    for module in forget:
        sys.modules.pop(module, None)
        vars(chapters).pop(module.split(".")[2], None)


def test_two_sweeps_of_one_name_are_refused(two_chapters):
    two_chapters("first_toy", "GATED = gated.sweep('')")
    assert chapters.sweeps()["gated"] == gated.sweep("")
    two_chapters("second_toy", "OTHER = gated.sweep('')")
    with pytest.raises(ValueError, match="two sweeps are called gated"):
        chapters.sweeps()


def test_a_sweep_may_have_two_variables_and_a_chapter_none(two_chapters):
    """One object under two names is one sweep."""
    two_chapters("first_toy", "GATED = gated.sweep('')", "SAME = GATED")
    two_chapters("second_toy")
    assert "gated" in chapters.sweeps() and "second_toy" in chapters.names()


@pytest.fixture
def gated_sweep(monkeypatch, tmp_path):
    """The command line has one sweep, of four small cells; gives the words that run it here."""
    (tmp_path / "gate").mkdir()
    monkeypatch.setattr(chapters, "sweeps", lambda: {"gated": gated.sweep(str(tmp_path / "gate"))})
    monkeypatch.setattr(project, "PROJECT", gated.PROJECT)
    return ["sweep", "gated", "--scale", "paper", "--workers", "1", "--results", str(tmp_path / "cells")]


def test_tables_go_where_a_link_leads_and_the_link_stays(gated_sweep, tmp_path):
    (tmp_path / "disk").mkdir()
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "disk" / "gated")
    for _ in range(2):  # into nothing, then in the place of tables
        assert main([*gated_sweep, "--export", str(link)]) == 0
        assert link.is_symlink() and load_results("gated", link)[1]["cells"] == 4
    assert [path.name for path in (tmp_path / "disk").iterdir()] == ["gated"]


def test_a_disk_that_is_full_at_the_end_is_one_line_and_the_cells_are_kept(
    gated_sweep, tmp_path, monkeypatch, capsys
):
    write, target = pd.DataFrame.to_parquet, tmp_path / "tables" / "gated"

    def full(table, path, **options):
        if "cells" not in path.parts[len(tmp_path.parts)]:
            raise OSError(28, "No space left on device")
        return write(table, path, **options)

    monkeypatch.setattr(pd.DataFrame, "to_parquet", full)
    assert main([*gated_sweep, "--export", str(target)]) == 1
    error = capsys.readouterr().err.splitlines()[-1]
    assert error == f"error: cannot save results at {target}: No space left on device"
    monkeypatch.undo()
    assert len(list((tmp_path / "cells").glob("*/meta.json"))) == 4 and not list(target.parent.glob(".*"))
