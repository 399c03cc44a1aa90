"""The footer: version, and commit of the checkout that pages are rendered in."""

import subprocess
import tomllib
from importlib import util

from tests.toy_book import ROOT

spec = util.spec_from_file_location("edition", ROOT / "book" / "_ext" / "edition.py")
extension = util.module_from_spec(spec)
spec.loader.exec_module(extension)


def test_it_names_the_commit_and_whether_files_differ_from_it(tmp_path):
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    git = lambda *words: subprocess.run(
        ["git", "-c", "user.name=a", "-c", "user.email=a@b.c", *words], cwd=tmp_path, check=True,
        capture_output=True, text=True,
    ).stdout.strip()  # fmt: skip
    assert extension.edition(tmp_path) == f"Version {version}"
    (tmp_path / "companion").mkdir()
    (tmp_path / "companion" / "page.md").write_text("one")
    (tmp_path / ".gitignore").write_text("_build/\n")
    (tmp_path / "_build" / "stage").mkdir(parents=True)
    git("init"), git("add", "."), git("commit", "-m", "one")
    commit = git("rev-parse", "--short", "HEAD")
    assert extension.edition(tmp_path / "_build" / "stage") == f"Version {version}, commit {commit}"
    (tmp_path / "companion" / "page.md").write_text("two")
    assert extension.edition(tmp_path) == f"Version {version}, commit {commit} with changes"


def test_another_repository_around_the_book_is_not_its_own(tmp_path):
    subprocess.run(["git", "init"], cwd=tmp_path, check=True, capture_output=True)
    assert "commit" not in extension.edition(tmp_path)
