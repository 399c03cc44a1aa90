"""What symbols mean: the table of the page on notation, and the symbols of a formula. Knows no science."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

NOTATION = "notation"  # the page that has the table
FORMULA = re.compile(r"\$([^$]+)\$")
HOME = re.compile(r"\{ref\}`([^`]+)`|companion\.chapters\.(\w+)")
NEIGHBOURS = "## Letters of other works"
TERMS = "## Terms"
# A letter or a Greek one, with what is above and below it, in any order; braces within braces at most once.
BRACES = r"\{(?:[^{}]|\{[^{}]*\})*\}"
INDEX = re.compile(rf"_({BRACES}|\\?\w)")
SYMBOL = re.compile(
    rf"(\\math(?:cal|bb|frak)\s*[A-Z]|\\[A-Za-z]+|[A-Za-z])((?:'|_(?:{BRACES}|\\[A-Za-z]+|\w)|\^(?:{BRACES}|\\[A-Za-z]+|.))*)"
)
WORDS = re.compile(r"\\(?:text|mathrm|operatorname)\w*" + BRACES)


@dataclass(frozen=True)
class Entry:
    """A row of the table of notation.

    symbols     formulas without their dollars, such as ``m_l``.
    meaning     in Markdown.
    homes       labels or names of the only chapters where it means this; empty: everywhere.
    neighbour   whether these chapters have letters of their own throughout.
    """

    symbols: tuple[str, ...]
    meaning: str
    homes: tuple[str, ...] = ()
    neighbour: bool = False


@dataclass(frozen=True)
class Term:
    """A row of the table of terms.

    words       the term and its other forms, as they stand in a text.
    meaning     in Markdown.
    """

    words: tuple[str, ...]
    meaning: str


def terms(text: str) -> list[Term]:
    """The rows of the table below the heading of the terms, on a page in Markdown."""
    part = text.partition(f"\n{TERMS}\n")[2].partition("\n## ")[0]
    rows = [line.strip("| ").split(" | ") for line in part.splitlines() if line.startswith("|")]
    return [Term(tuple(row[0].split(", ")), row[1]) for row in rows[2:]]


def find(known: Sequence[Term], text: str) -> tuple[Term, int, int] | None:
    """The first place in a text where one of the terms stands as a word of its own: term, start, end."""
    by_word = {word: term for term in known for word in term.words}
    longest = sorted(by_word, key=len, reverse=True)
    word = by_word and re.search(rf"(?<![\w-])(?:{'|'.join(map(re.escape, longest))})(?![\w-])", text)
    return (by_word[word[0]], *word.span()) if word else None


def entries(text: str) -> list[Entry]:
    """The rows of the tables of a page in Markdown whose first column has formulas.

    Those below the first heading of its second level are of chapters that have letters of their own.
    """
    found, neighbour = [], False
    for line in text.splitlines():
        neighbour = neighbour or line.startswith(NEIGHBOURS)
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")] if line.startswith("|") else []
        if len(cells) > 2 and (formulas := FORMULA.findall(cells[0])):
            parts = [part.split("=")[0].strip() for one in formulas for part in re.split(r",\\ |, ", one)]
            homes = [name for pair in HOME.findall(line) for name in pair if name]
            found.append(
                Entry(tuple(parts), cells[2], tuple(dict.fromkeys(homes)), neighbour and bool(homes))
            )
    return found


@cache
def symbols(formula: str) -> tuple[str, ...]:
    """Symbols of a formula in its order, each as its letter and the kinds of its indices.

    Stars and other powers do not matter, nor which letters number layers or nodes; an index that is a word
    or a sign is part of the symbol.
    """
    return tuple(dict.fromkeys(_key(*match.groups()) for match in SYMBOL.finditer(_plain(formula))))


def meanings(formula: str, known: Sequence[Entry], homes: Iterable[str] = ()) -> list[Entry]:
    """The entries that a formula of a chapter uses, each once; the chapter's own come before others.

    homes       labels and name of the chapter.
    """
    here = set(homes)
    own = [entry for entry in known if here & set(entry.homes)]
    everywhere = (
        [] if any(entry.neighbour for entry in own) else [entry for entry in known if not entry.homes]
    )
    used, found = symbols(formula), []
    for key in used:
        matching = [entry for entry in (*own, *everywhere) if any(_is(s, key) for s in entry.symbols)]
        found += matching[:1]
    for entry in (*own, *everywhere):  # of several letters: as they stand
        found += [entry] if any(_stands_in(s, formula) for s in entry.symbols) else []
    return list(dict.fromkeys(found))


def read(folder: Path) -> tuple[list[Entry], list[Term]]:
    """Symbols and terms of a book's folder; none without such a page."""
    page = folder / f"{NOTATION}.md"
    text = page.read_text(encoding="utf-8") if page.exists() else ""
    return entries(text), terms(text)


def _key(letter: str, marks: str) -> str:
    """A letter and what its indices count: l layers, n nodes, # either; anything else as it stands."""
    kinds = []
    for index in INDEX.findall(marks):
        index = re.sub(
            r"[\s,*^]|l-1",
            lambda found: "l" if found[0] == "l-1" else "",
            index[1:-1] if index.startswith("{") else index,
        )
        if not re.fullmatch(r"(\w'?)+", index):
            kinds.append(index)
            continue
        alone = len(index.rstrip("'")) == 1
        kinds += [
            "l" if c in "lL" else "#" if c.isdigit() else c if c == "'" else "n"
            for c in index
            if not (alone and c == "'")
        ]
    return " ".join([letter, "".join(kinds)]).strip()


def _is(symbol: str, key: str) -> bool:
    """Whether the symbol of an entry is alone what a key says; a number may count layers or nodes."""
    own = symbols(symbol)
    return len(own) == 1 and (
        own[0] == key or ("#" in key and own[0] in (key.replace("#", "l"), key.replace("#", "n")))
    )


@cache
def _plain(formula: str) -> str:
    """Without derivatives by time, spacing commands, accents, and words outside of indices."""
    kept = re.sub(rf"(?<!_)(?<!_\{{){WORDS.pattern}", "", formula)
    kept = re.sub(r"\\t?frac ?\{?d\}?\{d\w+\}", "", kept)
    return re.sub(r"\\[,;!: ]|\\(?:left|right|hat|bar|tilde|mathbf)\b", " ", kept)


def _stands_in(symbol: str, formula: str) -> bool:
    """Whether a symbol of several letters is, letter by letter, a part of a formula."""
    own, all = (re.sub(r"\s", "", _plain(text)) for text in (symbol, formula))
    return len(symbols(symbol)) > 1 and own in all
