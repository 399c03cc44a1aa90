"""Several runs of one chapter: their values from a few words, and a page that shows them side by side."""

import itertools
import json
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path

from companion.pages import notebooks
from companion.pages.claims import SCALES, Claim
from companion.pages.notebooks import BookError
from companion.pages.parameters import one_line, parse, shortened
from companion.pages.run_list import Run, write_page
from companion.pages.scorecard import chip, claims_in

MOST = 100  # runs, each of which is a folder of pages


def grid(words: Sequence[str]) -> list[list[tuple[str, str]]]:
    """Names and values of every run of a grid, as ``-p`` takes them; the last name varies fastest.

    words       ``name=value,value,...``, YAML between the commas: ``polarities=[0.5],[1,2]``.
    raises      BookError for words of another form, a name or a value given twice, or more than 100 runs.
    """
    axes: dict[str, list[str]] = {}
    for word in words:
        name, equals, text = word.partition("=")
        if not (name and equals and text):
            raise BookError(f"--grid takes name=value,value, got {shortened(word)}")
        if name in axes:
            raise BookError(f"--grid has {name} twice")
        values = [json.dumps(value) for value in parse(name, f"[{text}]")]
        if len(set(values)) < len(values):
            raise BookError(one_line(f"--grid has a value of {name} twice: {text}"))
        axes[name] = values
    total = math.prod(map(len, axes.values()))
    if not 1 <= total <= MOST:
        raise BookError(f"--grid makes 1 to {MOST} runs, not {total}")
    return [list(zip(axes, values)) for values in itertools.product(*axes.values())]


def write_comparison(target: Path, runs: Sequence[Run]) -> Path:
    """Write a page of the live claims and the figures of runs of one chapter, a column for each run.

    target      of the page; the pictures of figures are written into a folder of its name.
    """
    shown = [notebooks.glance(source(run)) for run in runs]
    claims = [_live(notebook) for notebook in shown]
    pictures = [dict(figures(notebook)) for notebook in shown]
    folder = target.with_suffix("")
    folder.mkdir(parents=True, exist_ok=True)
    head = "".join(f'<th><a href="{_link(run, target)}">{escape(run.values)}</a></th>' for run in runs)
    rows = [
        _row(escape(sentence), [_claim(found.get(name)) for found in claims])
        for name, sentence in {
            name: claim.sentence for found in claims for name, claim in found.items()
        }.items()
    ]
    for name in dict.fromkeys(name for found in pictures for name in found):
        cells = []
        for index, found in enumerate(pictures):
            file = folder / f"{name}-{index + 1}.svg"
            if name in found:
                file.write_text(found[name], encoding="utf-8")
            words = escape(f"{name} at {runs[index].values}")
            link = f"{escape(folder.name)}/{file.name}"
            cells.append(f'<a href="{link}"><img src="{link}" alt="{words}"></a>' if name in found else "–")
        rows.append(_row(escape(name), cells))
    body = (
        '<p>Claims at quick scale, and every figure of the page. <a href="index.html">All runs</a>.</p>'
        f"<div><table><thead><tr><th></th>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )
    return write_page(target, f"{runs[0].request.chapter}, runs side by side", body)


def source(run: Run) -> Path:
    """The executed notebook of a rendered run."""
    return run.page.parents[1] / "_sources" / "book" / f"{run.request.chapter}.ipynb"


def figures(notebook: Mapping) -> Iterator[tuple[str, str]]:
    """Names and pictures (SVG) of the figures of an executed notebook, in reading order."""
    for cell in notebook["cells"]:
        name = cell["metadata"].get("mystnb", {}).get("figure", {}).get("name")
        drawn = [output.get("data", {}).get("image/svg+xml") for output in cell.get("outputs", [])]
        if name and any(drawn):
            yield name, "".join(next(filter(None, drawn)))


def _live(notebook: Mapping) -> dict[str, Claim]:
    return {claim.id: claim for claim in claims_in(notebook) if claim.scale == SCALES[0]}


def _link(run: Run, target: Path) -> str:
    return escape(Path(os.path.relpath(run.page, target.parent)).as_posix())


def _claim(claim: Claim | None) -> str:
    return f"{chip(claim)}<br>{claim.measured()}<br><small>bar {escape(claim.bar)}</small>" if claim else "–"


def _row(head: str, cells: Sequence[str]) -> str:
    return f"<tr><th>{head}</th>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"
