"""The map of the paper: blocks are found, claims join them, and what is missing is said."""

import json
import math

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from companion.pages import statements
from companion.pages.claims import Claim
from companion.pages.scorecard import Table
from companion.pages.statements import Map, Statement
from companion.pages.statistics import exact

BLOCKS = """\
Before.

```{prf:theorem} One | first
:label: thm-one

Shown in {numref}`fig-a`, {numref}`fig-b` and {numref}`fig-a`.

:::{dropdown} Proof idea
Clear, by {numref}`fig-c`.
:::
```

```{prf:proof}
Not a statement.
```

````{prf:observation}
No label, but a fence inside:
```
:label: not-this
```
````
"""
THEOREM = Statement("thm-one", "theorem", "One", "two")


def claim(place: str = "thm-one", id: str = "two/x", **words) -> Claim:
    words = dict(at_least=0, sentence='x is < "large" | here') | words
    return Claim(**exact(1), id=id, place=place, **words)


def test_blocks_are_found_with_their_labels_and_figures():
    cells = [new_markdown_cell("# Title"), new_code_cell(BLOCKS), new_markdown_cell(BLOCKS)]
    one, other = statements.statements(new_notebook(cells=cells), "two")
    assert one == Statement("thm-one", "theorem", "One | first", "two", ("fig-a", "fig-b", "fig-c"))
    assert (other.kind, other.title, other.figures) == ("observation", "", ())


@pytest.mark.parametrize(
    ("found", "claims", "unclaimed", "gap"),
    [
        ([THEOREM], [], {}, "thm-one: no claim decides this theorem, and no reason is given"),
        (
            [THEOREM],
            [claim("thm-on")],
            {"thm-one": "proved"},
            "two/x: .* got 'thm-on'; did you mean thm-one?",
        ),
        ([THEOREM], [claim(), claim("far away", "two/y")], {}, "two/y: .* got 'far away'$"),
        ([THEOREM], [claim()], {"thm-one": "proved"}, "thm-one: .* but it has one"),
        ([THEOREM], [claim()], {"thm-two": "proved"}, "thm-two: .* that is not there"),
        ([THEOREM, THEOREM], [claim()], {}, "two blocks have the label thm-one"),
        ([THEOREM, Statement("", "lemma", "A", "two")], [claim()], {}, "two: the lemma 'A' has no label"),
    ],
)
def test_what_is_missing_is_said_in_one_line(found, claims, unclaimed, gap):
    gaps = Map(found, {"two": claims}, unclaimed).gaps()
    assert len(gaps) == 1
    with pytest.raises(AssertionError, match=gap):
        raise AssertionError(gaps[0])


def test_a_definition_needs_no_claim_and_may_have_one():
    definition = Statement("def-x", "definition", "X", "two")
    assert Map([definition], {}).gaps() == Map([definition], {"two": [claim("def-x")]}).gaps() == []
    assert "def-x" not in repr(Map([definition], {}))
    assert "def-x" in repr(Map([definition], {"two": [claim("def-x")]}))
    assert Map([THEOREM], {}, {"thm-one": "proved"}).gaps() == []


def test_a_row_names_figures_and_the_verdict_at_each_scale():
    shown = Map(
        [THEOREM], {"two": [claim(), claim(scale="paper", at_least=2)], "three": [claim(id="three/y")]}
    )
    data, metadata = shown._repr_mimebundle_()
    assert metadata == {"gaps": []} and data["text/plain"] == "thm-one  three/y  two/x"
    *_, row = data["text/markdown"].splitlines()
    assert row.startswith("| {prf:ref}`thm-one`: One | – | ")
    assert row.count("|") == 4, "a bar inside would end the cell"
    assert '<a href="two.html#claim-two-x" title="x is &lt; &quot;large&quot; &#124; here">' in row
    assert row.count("two/x</a>") == 1 and "✓ holds</b> quick</span>" in row and "✗ fails</b> paper" in row
    assert 'href="three.html#claim-three-y"' in row


def book(folder, order: str) -> None:
    """Two chapters that state and claim, a scorecard with a copy of their claims, and a text page."""
    toc = "".join(f"  - file: book/{name}\n" for name in order.split())
    (folder / "_toc.yml").write_text(f"format: jb-book\nroot: book/intro\nchapters:\n{toc}")
    (folder / "book").mkdir()
    (folder / "book" / "intro.md").write_text("# Text")
    for name in order.split():
        data, metadata = Table([claim(f"thm-{name}", f"{name}/x")])._repr_mimebundle_()
        outputs = [new_output("execute_result", data=data, metadata=metadata)]
        block = f"```{{prf:theorem}} T\n:label: thm-{name}\n\nIs so.\n```"
        cells = [new_markdown_cell(block), new_code_cell("table", outputs=outputs)]
        nbformat.write(new_notebook(cells=cells), folder / "book" / f"{name}.ipynb")


def test_chapters_are_collected_in_reading_order_and_what_collects_is_left_out(tmp_path):
    book(tmp_path, "zebra ape map scorecard")
    found = statements.collect(tmp_path / "book")
    assert [s.label for s in found.statements] == ["thm-zebra", "thm-ape"]
    assert list(found.claims) == ["zebra", "ape"] and found.gaps() == []


def test_reasons_stand_in_one_file_of_the_book(tmp_path):
    book(tmp_path, "zebra ape")
    (tmp_path / "book" / "unclaimed.yml").write_text("thm-zebra: proved\n")
    found = statements.collect(tmp_path / "book")
    assert found.unclaimed == {"thm-zebra": "proved"}
    assert found.gaps() == ["thm-zebra: a reason is given for having no claim, but it has one"]


def test_gaps_are_read_from_the_output_of_a_notebook():
    data, metadata = Map([THEOREM], {})._repr_mimebundle_()
    json.dumps(metadata)
    outputs = [new_output("execute_result", data=data, metadata=metadata), new_output("stream", text="x")]
    notebook = new_notebook(cells=[new_markdown_cell("x"), new_code_cell("map", outputs=outputs)])
    assert statements.gaps(notebook) == ["thm-one: no claim decides this theorem, and no reason is given"]


def test_claims_on_a_page_have_a_minus_whole_intervals_and_a_word_where_there_is_none():
    from importlib import util

    from tests.toy_book import ROOT

    spec = util.spec_from_file_location("statement_pages", ROOT / "book" / "_ext" / "statement_pages.py")
    spec.loader.exec_module(pages := util.module_from_spec(spec))
    words = dict(place="thm-one", sentence="of k - n", at_least=-0.1)
    sampled = Claim(id="two/x-2", value=-0.02, low=-5672.4, high=math.inf, **words)
    shown = pages.readable(Table([sampled])._repr_html_())
    assert '−0.02 <span class="interval">[−5,670, ∞]</span>' in shown and "bar ≥ −0.1" in shown
    assert "two/x-2" in shown and "of k - n" in shown and pages.EXACT not in shown
    assert pages.EXACT in pages.readable(Table([claim()])._repr_html_())
    one_seed = Claim(id="two/y", value=1.5, low=math.nan, high=math.nan, **words)
    assert "no interval: one seed" in pages.readable(Table([one_seed])._repr_html_())
