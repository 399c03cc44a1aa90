"""Sphinx extension: tables as a reader expects them; the notebooks hold them as pandas gives them.

One row of headings instead of one more for the names of the index; words for code names, a dash for NaN,
numbers with a minus and with their points below each other; no column that only counts the rows. Where a
sweep comes from is folded: it is there for who asks. Long names of code break after their dots.
"""

import re
from itertools import pairwise

from docutils import nodes

NUMBER = re.compile(r"-?\d+(?:\.(?P<decimals>\d+))?")
MINUS = re.compile(r"(?<![\w.)\-])-(?=\.?\d)|(?<=\de)-(?=\d)")
PROVENANCE = "this sweep"  # heading of companion.pages.page.provenance
TYPED = {"sweep", "chapter"}  # names below these headings are what a reader types
TIME = re.compile(r"^(\d{4}-\d\d-\d\d)T(\d\d:\d\d):\d\dZ$")
WORDS = {"NaN": "–", "None": "–", "True": "yes", "False": "no"}
SPACE, POINT = "\u2007", "\u2008"  # as wide as a digit; as a full stop


def plain(html: str) -> str:
    """The table in what pandas displays, without the style that comes with it."""
    from bs4 import BeautifulSoup

    soup = BeautifulSoup(html, "html.parser")
    table = soup.select_one("table.dataframe[border]")
    if not table or not table.tbody or not table.thead or not table.tbody.tr:
        return html
    for style in soup.select("style"):
        style.decompose()
    del table["border"]
    index = len(table.tbody.tr.find_all("th", recursive=False))
    names = _head(table, index)
    _drop_counter(table, names)
    for cell in table.tbody.find_all("td"):
        cell.string = WORDS.get(text := cell.get_text(strip=True), TIME.sub(r"\1 \2", text))
        if TIME.match(text):
            cell["style"] = "white-space: nowrap"
    typed = not names or names[0] in TYPED
    for cell in table.thead.find_all("th") + ([] if typed else table.tbody.find_all("th")):
        cell.string = _words(cell.get_text(strip=True))
    _align(table)
    for cell in table.find_all(["td", "th"]):
        cell.string = MINUS.sub("−", cell.get_text().replace("< ", "<\u00a0"))  # and no line breaks there
    _fold(soup, table)
    return str(soup)


def _fold(soup, table) -> None:
    """Close the facts of a sweep behind its name."""
    heads = [cell.get_text(strip=True) for cell in table.thead.find_all("th")]
    if heads[1:] != [PROVENANCE]:
        return
    facts = {row.th.get_text(strip=True): row.td.get_text(strip=True) for row in table.tbody.find_all("tr")}
    summary = soup.new_tag("summary")
    summary.append("Where the numbers of the sweep ")
    summary.append(soup.new_tag("code", string=facts.get("sweep", "")))
    summary.append(" come from")
    details = table.wrap(soup.new_tag("details", attrs={"class": "provenance"}))
    details.insert(0, summary)


def _words(text: str) -> str:
    return re.sub(r"(?<=\w)_(?=\w)", " ", text).replace("over realization", "over-realization")


def _head(table, index: int) -> list[str]:
    """Put names of the index into the last row of headings, those of columns before their first value.

    returns     the names of the index.
    """
    rows = table.thead.find_all("tr")
    texts = lambda row: [cell.get_text(strip=True) for cell in row.find_all("th")]
    names = [""] * index
    if len(rows) > 1 and not any(texts(rows[-1])[index:]):
        names = texts(rows.pop().extract())[:index]
    for row in rows:
        cells = row.find_all("th")
        over, values = cells[:index], cells[index:]
        name = over[-1].get_text(strip=True) if over else ""
        numbers = [_number(cell) for cell in values]
        if name and all(number is not None for number in numbers):
            firsts = [0, *(i + 1 for i, (one, next) in enumerate(pairwise(numbers)) if next <= one)]
            for i in firsts:
                values[i].string = f"{name} {values[i].get_text(strip=True)}"
        for cell in over:
            cell.string = ""
        for cell in values:
            cell["scope"] = "col"
    for cell, name in zip(rows[-1].find_all("th"), names):
        cell.string, cell["class"] = name, "words"
    return names


def _number(cell) -> float | None:
    text = cell.get_text(strip=True)
    return float(text) if NUMBER.fullmatch(text) else None


def _drop_counter(table, names: list[str]) -> None:
    """Remove the last level of the index if it has no name and only counts the rows."""
    rows = table.tbody.find_all("tr")
    counter = [row.find_all("th", recursive=False)[-1] for row in rows]
    if not names or names[-1] or not all(cell.get_text(strip=True).isdigit() for cell in counter):
        return
    for cell in (*counter, *(row.find_all("th")[len(names) - 1] for row in table.thead.find_all("tr"))):
        cell.decompose()
    names.pop()


def _align(table) -> None:
    """Points of numbers below each other; words at the left."""
    rows = [row.find_all("td", recursive=False) for row in table.tbody.find_all("tr")]
    heads = table.thead.find_all("tr")[-1].find_all("th")[-len(rows[0]) :]
    for head, *column in zip(heads, *rows):
        found = [NUMBER.fullmatch(cell.get_text(strip=True)) for cell in column]
        most = max((len(one["decimals"] or "") for one in found if one), default=0)
        words = sum(not one and cell.get_text(strip=True) != "–" for cell, one in zip(column, found))
        for cell, one in zip(column, found):
            if words > sum(map(bool, found)) or not any(found):
                head["class"] = cell["class"] = "words"
            elif one and (missing := most - len(one["decimals"] or "")):
                cell.string = one.group() + (POINT if not one["decimals"] else "") + SPACE * missing


def show(app, doctree, docname):
    for raw in list(doctree.findall(nodes.raw)):
        if raw.get("format") == "html" and 'border="1" class="dataframe"' in raw.astext():
            raw.replace_self(nodes.raw("", plain(raw.astext()), format="html", classes=raw["classes"]))
    for name in [name for table in doctree.findall(nodes.table) for name in table.findall(nodes.literal)]:
        parts = re.split(r"(?<=\w\.)(?=\w)", name.astext())
        name.clear()
        for i, part in enumerate(parts):
            name += [nodes.raw("", "<wbr>", format="html")] * bool(i) + [nodes.Text(part)]


def setup(app):
    app.connect("doctree-resolved", show)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
