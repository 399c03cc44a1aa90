"""CONTRIBUTING.md: its picture is drawn from the imports as they are, and what it tells exists."""

import re

import pytest

from docs import rooms
from tests import toy_book

TEXT = rooms.PAGE.read_text()


def test_the_picture_is_the_one_that_the_imports_draw():
    assert rooms.drawn(TEXT) == TEXT, "python docs/rooms.py"


def test_every_module_has_a_room():
    names = {rooms.room(module) for module in rooms.modules(rooms.ROOT)} - {""}
    assert names == {name for parts in rooms.ROOMS.values() for name in parts}
    with pytest.raises(KeyError, match="companion.attic has no room"):
        rooms.room("companion.attic")


@pytest.fixture
def small(tmp_path):
    """Two packages of one import per kind."""
    files = {
        "companion/runs/store.py": "",
        "companion/pages/page.py": "def f():\n    from companion.runs import store\n",
        "companion/chapters/x/claims.py": "import companion.pages.page\nfrom ts_core import data\n",
        "companion/__main__.py": "from companion.pages import page\nimport companion.chapters.x.claims\n",
        "ts_core/data.py": "import numpy\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def test_arrows_are_imports_wherever_they_stand(small):
    assert rooms.edges(small) == {
        ("pages", "runs"),
        ("chapters", "pages"),
        ("chapters", "networks, data"),
        ("command line", "pages"),
        ("command line", "chapters"),
    }
    assert rooms.edges(small) - rooms.reduced(rooms.edges(small)) == {("command line", "pages")}


def test_a_circle_is_not_drawn(small):
    (small / "companion" / "runs" / "store.py").write_text("from companion.chapters.x import claims\n")
    with pytest.raises(ValueError, match="rooms that import each other: chapters, pages, runs"):
        rooms.drawing(small)


def test_the_files_of_the_example_exist():
    example = TEXT.split("tests/toy/\n")[1].split("```")[0]
    names = re.findall(r"^\s*([\w./]+\.(?:py|ipynb|md|yml))", example, re.MULTILINE)
    found = {path.name for path in toy_book.TOY.rglob("*") if path.is_file() and path.suffix != ".pyc"}
    assert {name.rpartition("/")[2] for name in names} == found


def test_the_commands_it_tells_exist():
    makefile = (rooms.ROOT / "Makefile").read_text()
    targets = set(re.findall(r"make (\w+)", TEXT))
    assert {"check", "test", "notebooks", "book"} <= targets
    assert [name for name in targets if not re.search(rf"^{name}:", makefile, re.MULTILINE)] == []
