"""Sphinx extension: a numbered block says which claims decide it; claims link their blocks and figures.

Numbers of claims are written as the text writes them. All at the very end, when pages are written: a block's
page need not change when the claims of another do.
"""

import re
from functools import cache
from html import escape
from pathlib import Path

from docutils import nodes
from sphinx_proof.nodes import NODE_TYPES

from companion.pages import statements
from companion.pages.scorecard import PLACE

TEXT = re.compile(r"(?<=>)[^<>]+(?=<)")  # between tags
NEGATIVE = re.compile(r"(?<![\w.\-])-(?=[\d.∞])|(?<=\de)-(?=\d)")
THOUSANDS = re.compile(r"(?<![\w.])\d(?:\.\d+)?e\+0[3-5]\b")
INTERVAL = re.compile(r"\[[^\[\]\s]+, [^\[\]\s]+\]")
NUMBER = re.compile(r"</b><br>(?!–)[^\[<]+<br>")  # the verdict, and a number without an interval
EXACT = (
    "Where no interval stands beside a number, it is a count, an extreme or a closed form, "
    "or both ends are the digits shown."
)
OF_A_CLAIM = re.compile(rf'<span class="{PLACE}">([^<]*)</span>')


@cache
def paper_map(folder):
    return statements.collect(folder)


def decided(app, env):
    """Pages of blocks of which claims say something else than when they were written."""
    known = paper_map((Path(app.srcdir) / app.config.root_doc).parent)
    blocks = {
        label: (block["docname"], known.verdicts(label), known.unclaimed.get(label), known.figures(label))
        for label, block in getattr(env, "proof_list", {}).items()
    }
    before, env.decided = getattr(env, "decided", {}), blocks
    return {block[0] for label, block in blocks.items() if block != before.get(label)}


def link(app, doctree, docname):
    """Claims below each block of a page, and the block of each claim in its tables."""
    for block in doctree.findall(lambda node: isinstance(node, tuple(NODE_TYPES.values()))):
        known = paper_map(Path(app.srcdir) / Path(docname).parent)
        decided, reason = known.verdicts(block["label"]), known.unclaimed.get(block["label"])
        if decided or reason:
            words = f"Checked: {', '.join(decided)}" if decided else f"Not decided here: {escape(reason)}"
            block[-1] += nodes.paragraph("", "", nodes.raw("", words, format="html"), classes=["decided"])
    for table in doctree.findall(nodes.raw):
        if OF_A_CLAIM.search(table.astext()):
            linked = OF_A_CLAIM.sub(lambda place: linked_block(app, docname, place[1]), table.astext())
            table.replace_self(nodes.raw("", readable(linked), format="html"))


def readable(html):
    """The claims with a minus that is one, thousands in full, intervals that no line breaks, and a word on
    numbers that have none."""
    text = TEXT.sub(lambda part: _numbers(part[0]), html)
    return text + f'<p class="exact">{EXACT}</p>' if NUMBER.search(text) else text


def _numbers(text):
    text = NEGATIVE.sub("−", text.replace(" inf]", " ∞]").replace("[-inf,", "[-∞,"))
    text = THOUSANDS.sub(lambda number: f"{float(number[0]):,.0f}", text)
    return INTERVAL.sub(lambda interval: f'<span class="interval">{interval[0]}</span>', text)


def linked_block(app, docname, label):
    """Kind and number of a block, which lead to it, and of its figures; the label where there is no block."""
    block = getattr(app.env, "proof_list", {}).get(label)
    if not block or block["nonumber"]:
        return label
    places = app.env.get_domain("std").anonlabels
    known = paper_map(Path(app.srcdir) / Path(docname).parent)
    figures = [places[name] for name in known.figures(label) if name in places]
    links = [link_by_number(app, docname, block["docname"], label, block["countertype"], block["realtype"])]
    links += [link_by_number(app, docname, *place, "figure", "fig.") for place in figures]
    return ", ".join(links)


def link_by_number(app, docname, target, anchor, counter, kind):
    number = ".".join(map(str, app.env.toc_fignumbers[target][counter][anchor]))
    page = app.builder.get_relative_uri(docname, target)
    return f'<a href="{page}#{anchor}">{kind.title()}&nbsp;{number}</a>'


def setup(app):
    app.connect("builder-inited", lambda app: paper_map.cache_clear())
    app.connect("env-get-updated", decided)
    app.connect("doctree-resolved", link)
    return {"parallel_read_safe": True, "parallel_write_safe": True, "env_version": 1}
