"""Which work a chapter is about, and the verdicts beside it."""

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from companion.pages import literature
from companion.pages.claims import Claim
from companion.pages.scorecard import Table


def chapter(text: str, *values: float):
    claims = [
        Claim(id=f"x/{i}", place="thm-x", sentence="It is so.", value=v, low=v, high=v, at_least=1.0)
        for i, v in enumerate(values)
    ]
    data, metadata = Table(claims)._repr_mimebundle_()
    shown = new_output("execute_result", data=data, metadata=metadata, execution_count=1)
    code = new_code_cell("Table(claims)", outputs=[shown] if values else [], execution_count=1)
    return new_notebook(cells=[new_markdown_cell(text), code])


@pytest.mark.parametrize(
    ("text", "work"),
    [
        ("As {cite:t}`saad1995line` says, and {cite:p}`other2020`.", "saad1995line"),
        ("Two at once {cite:p}`saad1995line, other2020`", "saad1995line"),
        ("See {cite}`plain`", "plain"),
        ("It cites `nobody`.", ""),
    ],
)
def test_a_chapter_is_about_the_first_work_that_it_cites(text, work):
    assert literature.work(chapter(text)) == work


def test_chapters_with_claims_are_rows_in_reading_order(tmp_path):
    (tmp_path / "book").mkdir()
    (tmp_path / "_toc.yml").write_text(
        "root: book/second\nchapters: [{file: book/first}, {file: book/none}, {file: book/scorecard}]\n"
    )
    for name, notebook in {
        "first": chapter("{cite:p}`one`", 2.0, 0.5),
        "second": chapter("{cite:p}`two`", 2.0),
        "none": chapter("{cite:p}`three`"),
        "scorecard": chapter("", 2.0),
    }.items():
        nbformat.write(notebook, tmp_path / "book" / f"{name}.ipynb")
    shown = literature.collect(tmp_path / "book")
    assert [(one.work, one.chapter) for one in shown.entries] == [("two", "second"), ("one", "first")]
    table = shown._repr_mimebundle_()["text/markdown"].splitlines()
    assert (
        table[3] == "| {cite:t}`one` | {doc}`first` | quick scale: 1 hold, 1 fail, 0 undecided |"
        and len(table) == 4
    )
