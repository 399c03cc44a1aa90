"""What the pages that are no chapters say in words, beside the queries that give it."""

import json
import re
import tomllib
from types import SimpleNamespace

import pytest

from companion import chapters
from companion.budget import MACHINES
from companion.chapters.cifar10.sweeps import LAPTOP
from companion.datasets import cifar10, download, patches
from companion.pages import literature, scorecard
from companion.pages.claims import SCALES
from tests.house.test_claims import CLAIMS
from tests.house.test_packaging import PYTHONS
from tests.sentences import BOOK, Said, one_line, prose, unsaid

ROOT = BOOK.parent


@pytest.fixture(scope="module")
def evidence():
    stored = {path.parent.name: json.loads(path.read_text()) for path in BOOK.glob("results/*/meta.json")}
    return SimpleNamespace(
        stored=stored,
        scales={facts["scale"] for facts in stored.values()},
        claims=scorecard.collect(BOOK),
        python=tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"],
        bibliography=(BOOK / "references.bib").read_text(),
    )


def minor_versions():
    return sorted({int(python.split(".")[1]) for python in PYTHONS})


def year(of, key):
    return int(re.search(rf"\{{{key},.*?year *= \{{(\d+)\}}", of.bibliography, re.DOTALL)[1])


def two_scales(of):
    """Many claims are made at two scales, so that a total over scales would count them twice."""
    ids = [claim.id for claim in of.claims]
    return len(ids) - len(set(ids)) >= 5


def is_summary(of):
    """The line of the landing page is a total per scale, in the order of the scales, and nothing else."""
    line = of.claims.summary()
    parts = [part.split(":")[0] for part in line.split(" · ")]
    return parts == [f"{scale} scale" for scale in SCALES if scale in {c.scale for c in of.claims}]


SAID = {
    "book/intro.md": [
        Said("Scorecard: {glue:text}`scorecard.ipynb::scorecard_line:s`", is_summary),
        Said(
            "at the paper's own size where two cores could run it",
            lambda of: (
                of.scales == {"laptop", "paper"} and all(name.endswith(", 2 cores") for name in machines(of))
            ),
        ),
    ],
    "README.md": [
        Said("(ICML <d>)", lambda of: year(of, "tian2020student")),
        Said("Both need Python 3.11 or newer", lambda of: of.python == ">=3.11"),
        Said(
            "here, on a laptop, on 64 and on 1,000 cores",
            lambda of: [*MACHINES] == ["laptop", "64 cores", "1,000 cores"],
        ),
        Said("They were run on 3.<d>, 3.<d> and 3.<d>.", lambda of: tuple(minor_versions())),
        Said("has downloaded the images (<d> MB, verified)", lambda of: round(download.SIZE / 1e6)),
        Said(
            "Every claim has a bar, something wrong that the bar refuses, and a verdict",
            lambda of: all(claim.refuses for claim in CLAIMS),
        ),
    ],
    "book/reproduce.ipynb": [
        Said("On a machine with Python 3.11 or newer", lambda of: of.python == ">=3.11"),
        Said("The archive comes from the first of two hosts", lambda of: len(download.HOSTS) == 2),
        Said("is verified by its SHA-<d>", lambda of: 4 * len(download.SHA256)),
        Said("leaves six files or none", lambda of: len((*cifar10.TRAIN, *cifar10.TEST)) == 6),
        Said("patches of ten photographs that come with scikit-image", lambda of: len(patches.NAMES) == 10),
        Said(
            "its stored tables are always of CIFAR-10",
            lambda of: LAPTOP.dataset == "cifar10" and of.stored["cifar10"]["spec"]["dataset"] == "cifar10",
        ),
        Said(
            "| | quick scale | laptop scale | paper scale |",
            lambda of: SCALES == ("quick", "laptop", "paper"),
        ),
        Said("The totals are never added up: many claims are made at two scales.", two_scales),
        Said(
            "here, on a laptop, on 64 and on 1,000 cores",
            lambda of: [*MACHINES] == ["laptop", "64 cores", "1,000 cores"],
        ),
        Said("six more sweeps are named in their chapter", lambda of: len(deep_sweeps()) == 1 + 6),
    ],
    "book/scorecard.ipynb": [
        Said(
            "The scales are counted one by one and never added up: many claims are made at two.", two_scales
        ),
        Said(
            "a claim that was changed after a look at the numbers says so",
            lambda of: any(claim.changed for claim in of.claims),
        ),
    ],
}


def machines(of):
    return {facts["machine"] for facts in of.stored.values()}


def deep_sweeps():
    """The sweeps of the chapter that `dataset_size` belongs to."""
    found = chapters.sweeps()
    home = lambda name: type(found[name].scales["quick"]).__module__
    return [name for name in found if home(name) == home("dataset_size")]


def text(page):
    path = ROOT / page
    return prose(path.stem) if path.suffix == ".ipynb" else one_line(path.read_text())


@pytest.mark.parametrize(
    ("page", "said"), [(page, said) for page, list in SAID.items() for said in list], ids=str
)
def test_the_text_says_what_is_so(page, said, evidence):
    assert said.filled(evidence) in text(page)


@pytest.mark.parametrize("page", SAID)
def test_no_number_stands_in_the_text_without_its_query(page, evidence):
    assert unsaid(text(page), [said.filled(evidence) for said in SAID[page]]) == []


def test_the_landing_page_names_every_work_that_a_chapter_is_about():
    works = {entry.work for entry in literature.collect(BOOK).entries} - {""}
    assert len(works) > 10 and works <= set(literature.CITED.findall((BOOK / "intro.md").read_text()))
