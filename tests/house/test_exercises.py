"""Exercises: each has a folded solution, and every command of the text is one that the command line takes."""

import re
import shlex

import nbformat
import pytest

from companion import chapters, project
from companion.__main__ import arguments
from companion.pages import grid, request
from tests.sentences import BOOK

PAGES = {
    path.stem: "\n".join(
        cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "markdown"
    )
    for path in sorted(BOOK.glob("*.ipynb"))
}
BLOCK = r"^`{3}\{%s\} *(\S*)\n:%s: *(\S+)$"
COMMAND = re.compile(r"^ *(?:\.venv/bin/)?python -m companion ((?:.*\\\n)*.*)$", re.MULTILINE)
COMMANDS = [
    (page, re.sub(r"\\\n *", "", words).split("  #")[0])
    for page, text in PAGES.items()
    for words in COMMAND.findall(text)
]


@pytest.mark.parametrize("page", chapters.parameters())
def test_a_chapter_has_exercises_each_with_a_folded_solution(page):
    text = PAGES[page]
    asked = [label for _, label in re.findall(BLOCK % ("exercise", "label"), text, re.MULTILINE)]
    solved = re.findall(BLOCK % ("solution", "class"), text, re.MULTILINE)
    assert asked == [label for label, _ in solved] and {fold for _, fold in solved} == {"dropdown"}
    assert len(set(asked)) == len(asked) >= 3


@pytest.mark.parametrize("page, words", COMMANDS, ids=str)
def test_a_command_of_the_text_is_one_that_runs(page, words, tmp_path, capsys):
    given = arguments().parse_args(shlex.split(words))
    if given.command == "run":
        book = project.book(chapters.parameters())
        for chapter in given.chapters:
            for values in grid.grid(given.grid) if given.grid else [[]]:
                asked = request.ask(book, chapter, [*given.p, *values], results=tmp_path)
                assert asked.chapter == chapter and (asked.values or not given.p)
    if given.command == "sweep":
        assert given.scale in chapters.sweeps()[given.name].scales


def test_the_text_has_commands():
    assert len(COMMANDS) > 40 and {words.split()[0] for _, words in COMMANDS} >= {"run", "sweep"}
