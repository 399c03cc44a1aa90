"""What others copy to cite the book says what the project says of itself."""

import re
import tomllib

import yaml

from tests.sentences import BOOK

ROOT = BOOK.parent
CITATION = yaml.safe_load((ROOT / "CITATION.cff").read_text())


def test_the_version_is_the_project_s():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert CITATION["version"] == project["version"]


def test_the_paper_is_the_one_in_the_bibliography():
    paper = CITATION["preferred-citation"]
    entry = re.search(r"\{tian2020student,(.*?)\n\}", (BOOK / "references.bib").read_text(), re.DOTALL)[1]
    assert f"{{{paper['title']}}}" in entry and f"{{{paper['year']}}}" in entry
    assert f"{paper['start']}--{paper['end']}" in entry
    (author,) = paper["authors"]
    assert f"{author['family-names']}, {author['given-names']}" in entry


def test_the_published_pages_passed_both_commands():
    jobs = yaml.safe_load((ROOT / ".github" / "workflows" / "book.yml").read_text())["jobs"]
    assert {"make book", "make test"} <= {step.get("run") for step in jobs["check"]["steps"]}
    assert jobs["publish"]["needs"] == "check"
