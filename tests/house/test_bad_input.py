"""Whatever is typed for a parameter is refused in one line or can be run: no traceback, no start of work.

The cases are drawn from the records of the chapters, so a new chapter and a new parameter are among them.
"""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from companion import __main__ as command_line
from companion import chapters
from companion.__main__ import main
from companion.pages import build
from companion.pages.notebooks import BookError
from companion.pages.parameters import LONGEST, defaults, parse
from companion.runs.workers import cores

CHAPTERS = chapters.parameters()
FIELDS = [(chapter, name) for chapter, kind in CHAPTERS.items() for name in kind.model_fields]
HUGE = st.integers(9, 300).map(lambda digits: 10**digits) | st.sampled_from([2**31, 2**63, 2**64 + 1])
WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=200)
UNREADABLE = st.sampled_from(
    [
        "[",
        "{",
        "{a: 1}",
        "!!int x",
        "!!timestamp x",
        "&a [1]",
        "*a",
        "[" * 400,
        "9" * 5000,
        "a: b: c",
        "%YAML",
    ]
)


def is_wrong(value, default) -> bool:
    """Whether no parameter with this default may be so, by its type alone."""
    if isinstance(default, bool):
        return not isinstance(value, bool)
    if isinstance(default, list):
        return not isinstance(value, list) or not value or any(is_wrong(item, default[0]) for item in value)
    if isinstance(default, str):
        return not isinstance(value, str)
    kinds = int if isinstance(default, int) else (int, float)
    if isinstance(value, bool) or not isinstance(value, kinds):
        return True
    return not abs(value) <= 10**9  # and so is what is not a number


SCALAR = st.one_of(HUGE, HUGE.map(lambda n: -n), st.floats(), st.booleans(), st.none(), WORDS)
VALUE = SCALAR | st.lists(SCALAR, max_size=3) | st.lists(st.lists(SCALAR, max_size=2), min_size=1, max_size=2)


@st.composite
def refused(draw):
    """Chapter, parameter and a text that is wrong for it, whatever the other parameters are."""
    chapter, name = draw(st.sampled_from(FIELDS))
    default = defaults(CHAPTERS[chapter])[name]
    if draw(st.integers(0, 9)) == 0:
        return chapter, name, draw(UNREADABLE)
    value = draw(VALUE.filter(lambda value: is_wrong(value, default)))
    if isinstance(value, str) and not isinstance(default, str):
        value = f"word {value}"  # "7" would be read as a number
    return chapter, name, typed(value)


def typed(value) -> str:
    return json.dumps(value).replace("NaN", ".nan").replace("Infinity", ".inf")


@pytest.fixture
def started(monkeypatch) -> list:
    """What would have been executed."""
    begun, book = [], command_line._book()
    monkeypatch.setattr(command_line, "_book", lambda: book)  # its table of contents is read once
    monkeypatch.setattr(build, "run", lambda book, request, training: begun.append(request) or book.root)
    return begun


def run(capsys, *words: str) -> str:
    """What the command line says of a run that is refused; nothing where it begins."""
    capsys.readouterr()
    code = main(["run", *words])
    error = capsys.readouterr().err
    assert (code, error.count("\n")) in ((0, 0), (1, 1)), error
    assert len(error) <= LONGEST + len("error: \n") and "Traceback" not in error
    return error


# A fixture that only collects serves all cases.
SETTINGS = dict(
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@settings(max_examples=1000, **SETTINGS)
@given(refused())
def test_a_wrong_value_is_refused_by_its_name_before_any_work(started, capsys, case):
    chapter, name, text = case
    error = run(capsys, chapter, "-p", name, text)
    assert name in error and not started
    assert any(words in " ".join(error.split()) for words in shown(text)), "the value is named"


def shown(text: str) -> list[str]:
    """The beginnings of a value that is typed, and of those in it, as a message may show them."""
    try:
        value = parse("x", text)
    except BookError:
        return [beginning(text)]
    found, waiting = [], [value]
    while waiting:
        one = waiting.pop()
        found.append(beginning(one))
        waiting += one if isinstance(one, list) else []
    return found


def beginning(value) -> str:
    return " ".join(repr(value).split())[:30]


@st.composite
def possible(draw):
    """Some parameters of a chapter with values of the right types, most of them of no sense together."""
    chapter = draw(st.sampled_from(sorted(CHAPTERS)))
    standing = defaults(CHAPTERS[chapter])
    names = draw(st.lists(st.sampled_from(sorted(standing)), min_size=1, max_size=3, unique=True))
    return chapter, {name: draw(like(standing[name])) for name in names}


def like(default):
    if isinstance(default, list):
        return st.lists(like(default[0]), min_size=1, max_size=4, unique=True)
    if isinstance(default, str | bool):
        return st.just(default)
    if isinstance(default, int):
        return st.integers(0, 50) | st.integers(1, 10_000 * default)
    return st.floats(0, 10_000) | st.sampled_from([1e-300, 0.0, 1.0, 2.0, 10_000.0])


@settings(max_examples=200, **SETTINGS)
@given(possible())
def test_values_of_the_right_type_begin_or_are_refused_by_a_name(started, capsys, case):
    chapter, values = case
    words = [word for name, value in values.items() for word in ("-p", name, typed(value))]
    error, begun = run(capsys, chapter, *words), started[:]
    started.clear()
    assert len(begun) == (not error)
    assert not error or any(name in error for name in values)


@pytest.mark.parametrize(
    "words, said",
    [
        (
            ["-p", "seeds", "1000000000"],
            "seeds: must be at most 40,000, ten thousand times the default, got 1",
        ),
        (["-p", "seeds", "x" * 500], "got 'xxx"),
        (
            ["-p", "over_realizations", "2"],
            "over_realizations: should be a list, got 2; for example [1.0, 2.0,",
        ),
        (["-p", "over_realizations", "[1.03]", "-p", "seeds", "3"], "error: over_realizations [1.03]: "),
        (["-p", "over_realizations", "[2, 2]"], "over_realizations: values must differ, got [2, 2]"),
        (["-p", "learning_rate", "-1e-2"], "learning_rate: should be greater than 0, got -0.01"),
        (["-p", "polarities", json.dumps(list(range(101)))], "polarities: at most 100 values, got 101"),
        (["-p", "sedes" * 50, "1"], "unknown parameter 'sedes"),
        (["--grid", "seeds=" + "1," * 300 + "1"], "--grid has a value of seeds twice"),
        (["--name", "n" * 300], "the name of a run must be that of a folder, got 'nnn"),
        (["--name", "a\0b"], "the name of a run must be that of a folder"),
    ],
)
def test_what_is_said(started, capsys, words, said):
    assert said in run(capsys, "two_layer_theorem", *words) and not started


@pytest.mark.parametrize(
    "words", [["--results", "$HOME"], ["--results="], ["-f", "a\0b"], ["--data-dir", "x\ny"]]
)
def test_paths_that_no_shell_would_leave_are_refused(started, capsys, words):
    with pytest.raises(SystemExit) as refused:
        main(["run", "two_layer_theorem", *words])
    error = capsys.readouterr().err
    assert (
        refused.value.code == 2
        and error.startswith(f"error: argument {words[0].strip('=')}: ")
        and not started
    )
    assert error.count("\n") == 1


def test_a_home_is_found_and_a_path_is_that_of_the_command(started, capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert not run(capsys, "two_layer_theorem", "--results", "~/cells")
    assert started[0].results == str(tmp_path / "cells")


def test_lists_with_a_value_for_each_layer_may_repeat_it(started, capsys):
    assert not run(capsys, "lowest_layer", "-p", "hidden", "[10, 10]")
    assert started[0].values == {"hidden": [10, 10]}


ODD = [
    *(
        "x",
        "",
        " ",
        "[]",
        "[1]",
        "[[1]]",
        "{a: 1}",
        "!!int x",
        "*a",
        "&a 1",
        "%YAML",
        "- 1\n- 2",
        "a: 1\nb: 2",
    ),
    *("true", "null", ".nan", "-.inf", "1e400", "0", "-1", "9" * 4000, "9" * 5000, "[" * 400, "\N{SNOWMAN}"),
]


def test_in_processes_of_their_own():
    """As many as cores at a time: what Python itself does with a process is part of what a reader sees."""

    def ended(text: str) -> tuple[int, str, str]:
        words = [sys.executable, "-m", "companion", "run", "two_layer_theorem", "-p", "seeds", text]
        done = subprocess.run(words, capture_output=True, text=True)
        return done.returncode, done.stdout, done.stderr

    with ThreadPoolExecutor(cores()) as pool:
        for code, out, error in pool.map(ended, ODD):
            assert code == 1 and not out and error.startswith("error: seeds: ") and error.count("\n") == 1


def test_an_empty_address_does_not_mean_this_machine(capsys):
    assert main(["sweep", "fan_out", "--scheduler", ""]) == 1
    assert "--scheduler takes an address like tcp://host:8786, got ''" in capsys.readouterr().err


def test_in_a_locale_that_has_no_letters(tmp_path):
    """The words of the book are UTF-8 whatever the locale; what a terminal lacks is written by its number."""
    environment = os.environ | {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    (tmp_path / "mine.yaml").write_text("seeds: zw\u00f6lf\n", encoding="utf-8")
    words = ["run", "two_layer_theorem", "-f", str(tmp_path / "mine.yaml")]
    ended = subprocess.run(
        [sys.executable, "-m", "companion", *words], capture_output=True, encoding="ascii", env=environment
    )
    assert ended.returncode == 1 and ended.stderr.startswith("error: seeds: ") and "zw\\xf6lf" in ended.stderr
