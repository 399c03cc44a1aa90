"""The map of the paper: what its statements are, where each is shown, which claims decide it, and how."""

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import yaml

from companion.pages import notebooks
from companion.pages.book import pages
from companion.pages.claims import Claim
from companion.pages.scorecard import COLLECT, anchor, chip, claims_in

GAPS = "gaps"  # where its output keeps what is missing
UNCLAIMED = "unclaimed.yml"  # of a book's folder: the label of a statement that nothing decides here, and why
# Blocks that say what is so, and must be checked; an observation is what a figure of the paper shows.
# Definitions, assumptions, remarks and examples may be, too.
CHECKED = ("theorem", "lemma", "proposition", "corollary", "observation")
BLOCK = re.compile(r"^(`{3,}|:{3,})\{prf:(\w+)\} *([^\n]*)\n(.*?)^\1 *$", re.MULTILINE | re.DOTALL)
LABEL = re.compile(r"^:label: *(\S+) *$", re.MULTILINE)
FIGURE = re.compile(r"\{numref\}`([^`]+)`")


@dataclass(frozen=True)
class Statement:
    """A numbered block of a chapter.

    label       unique in the book, empty for a block without one; a claim names it as its place.
    kind        theorem, lemma, … of sphinx-proof.
    figures     labels of those that its text refers to, each once.
    """

    label: str
    kind: str
    title: str
    chapter: str
    figures: tuple[str, ...] = ()


def statements(notebook: Mapping, chapter: str) -> list[Statement]:
    """The numbered blocks in the text of a chapter, in its order."""
    found = []
    for cell in notebook["cells"]:
        for _, kind, title, body in BLOCK.findall(cell["source"]) if cell["cell_type"] == "markdown" else ():
            if kind != "proof":
                label = LABEL.search(body)
                figures = tuple(dict.fromkeys(FIGURE.findall(body)))
                found.append(Statement(label[1] if label else "", kind, title.strip(), chapter, figures))
    return found


class Map:
    """Statements, each with the claims made about it.

    claims      by chapter, in reading order.
    unclaimed   label of a statement that nothing decides here: why.
    """

    def __init__(
        self,
        found: Iterable[Statement],
        claims: Mapping[str, Sequence[Claim]],
        unclaimed: Mapping[str, str] | None = None,
    ):
        self.statements, self.unclaimed = tuple(found), dict(unclaimed or {})
        self.claims = {chapter: tuple(made) for chapter, made in claims.items()}

    def about(self, label: str) -> list[tuple[str, Claim]]:
        """Chapter and claim of every claim whose place is this label."""
        return [(chapter, c) for chapter, made in self.claims.items() for c in made if c.place == label]

    def figures(self, label: str) -> tuple[str, ...]:
        """Labels of the figures that the statement of this label refers to."""
        return next((s.figures for s in self.statements if s.label == label), ())

    def gaps(self) -> list[str]:
        """What is missing, in one line each: statements that no claim decides, claims in the air."""
        labels = [statement.label for statement in self.statements]
        found = [
            f"{s.chapter}: the {s.kind} {s.title!r} has no label"
            for s in self.statements
            if not s.label and s.kind in CHECKED
        ]
        found += [
            f"two blocks have the label {one}"
            for one in sorted({x for x in labels if x})
            if labels.count(one) > 1
        ]
        for claim in dict.fromkeys(claim.id for made in self.claims.values() for claim in made):
            place = next(c.place for made in self.claims.values() for c in made if c.id == claim)
            if place not in labels:
                near = difflib.get_close_matches(place, filter(None, labels), 1)
                found.append(
                    f"{claim}: its place must be the label of a block, got {place!r}"
                    + (f"; did you mean {near[0]}?" if near else "")
                )
        for s in self.statements:
            if s.label and s.kind in CHECKED and not self.about(s.label) and s.label not in self.unclaimed:
                found.append(f"{s.label}: no claim decides this {s.kind}, and no reason is given")
        for label in self.unclaimed:
            if label not in labels:
                found.append(f"{label}: a reason is given for a statement that is not there")
            elif self.about(label):
                found.append(f"{label}: a reason is given for having no claim, but it has one")
        return found

    def __repr__(self) -> str:
        rows = [(s.label, *sorted({claim.id for _, claim in self.about(s.label)})) for s in self._shown()]
        return "\n".join([*("  ".join(row) for row in rows), *self.gaps()])

    def _repr_mimebundle_(self, include=None, exclude=None) -> tuple[dict, dict]:
        """Text, and MyST markdown whose references are numbered when the book is rendered; gaps as data."""
        return {"text/plain": repr(self), "text/markdown": self._markdown()}, {GAPS: self.gaps()}

    def _shown(self) -> list[Statement]:
        return [s for s in self.statements if s.label and (s.kind in CHECKED or self.about(s.label))]

    def _markdown(self) -> str:
        lines = []
        for chapter in dict.fromkeys(s.chapter for s in self._shown()):
            lines += [f"\n{{doc}}`{chapter}`\n", "| statement | shown in | claims |", "| --- | --- | --- |"]
            lines += [self._row(s) for s in self._shown() if s.chapter == chapter]
        return "\n".join(lines).strip()

    def _row(self, s: Statement) -> str:
        decided = "<br>".join(self.verdicts(s.label)) or escape(self.unclaimed.get(s.label, "no claim"))
        figures = ", ".join(f"{{numref}}`{name}`" for name in s.figures) or "–"
        title = s.title.replace("|", r"\|")
        return f"| {{prf:ref}}`{s.label}`: {title} | {figures} | {decided.replace('|', '&#124;')} |"

    def verdicts(self, label: str) -> list[str]:
        """Every claim about a statement as html: linked to its row, the verdict at each scale beside it."""
        found: dict[str, str] = {}
        for chapter, claim in self.about(label):
            link = f'<a href="{chapter}.html#{anchor(claim.id)}" title="{escape(claim.sentence)}">'
            found.setdefault(claim.id, f"{link}{escape(claim.id)}</a>")
            found[claim.id] += f' <span style="white-space:nowrap">{chip(claim)} {claim.scale}</span>'
        return list(found.values())


def collect(folder: Path = Path(".")) -> Map:
    """The map of the executed chapters of a book's folder, in the order of its table of contents.

    Reasons for statements without a claim are read from ``unclaimed.yml`` in it, if there is one.
    """
    found: list[Statement] = []
    claims: dict[str, Sequence[Claim]] = {}
    chapters = [page for page in pages(Path(folder).resolve().parent) if page.stem not in COLLECT]
    for page in chapters:
        notebook = notebooks.glance(Path(folder) / page.name)
        found += statements(notebook, page.stem)
        if made := claims_in(notebook):
            claims[page.stem] = made
    reasons = Path(folder) / UNCLAIMED
    return Map(found, claims, yaml.safe_load(reasons.read_text(encoding="utf-8")) if reasons.exists() else {})


def gaps(notebook: Mapping) -> list[str]:
    """What the map that an executed notebook shows says is missing."""
    shown = [output.get("metadata", {}) for cell in notebook["cells"] for output in cell.get("outputs", [])]
    return [gap for metadata in shown for gap in metadata.get(GAPS, [])]
