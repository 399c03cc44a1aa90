"""Sphinx extension: the pages that a run of other parameters changes say so, with the values.

A run leaves its request beside its notebook. Its chapter, the scorecard and the landing page get an open
banner; all other pages are as they are in the book.
"""

from html import escape
from pathlib import Path

from docutils import nodes

from companion.pages.request import read
from companion.pages.scorecard import SCORECARD


def asked(folder):
    """The request beside the staged notebooks that changes anything; None in the book itself."""
    found = map(read, folder.glob("*.request.json"))
    return next((request for request in found if request.values), None)


def banner(app, doctree, docname):
    """At the top, since all that follows depends on it."""
    request = asked(Path(app.srcdir) / Path(docname).parent)
    changed = {
        request and request.chapter: "This page shows what came out.",
        SCORECARD: "Its claims at quick scale are of this run, those of the book below them.",
        "intro": "The totals on this page count its claims.",
    }.get(Path(docname).name)
    if request and changed:
        title = next(doctree.findall(nodes.title))
        title.parent.insert(
            title.parent.index(title) + 1, nodes.raw("", html(request, changed), format="html")
        )


def html(request, changed):
    row = "<tr><td><code>{}</code></td><td>{}</td><td><b>{}</b></td></tr>".format
    rows = [
        row(*map(escape, (name, str(request.standing.get(name, "")), str(value))))
        for name, value in request.values.items()
    ]
    return f"""<div class="admonition warning your-run">
<p class="admonition-title">A run of your own: {escape(request.name)}</p>
<p>The chapter <i>{escape(request.chapter)}</i> was executed with the values below. {changed} All else is
as in the book.</p>
<table class="dataframe"><thead><tr><th>parameter</th><th>in the book</th><th>in this run</th></tr></thead>
<tbody>{"".join(rows)}</tbody></table></div>"""


def setup(app):
    app.connect("doctree-resolved", banner)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
