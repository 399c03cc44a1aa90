"""A picture is drawn once: it is the one that drawing gives, and whatever shows in it draws it anew."""

import os
import subprocess
import sys

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.ticker import FuncFormatter

from companion.pages import figures, pictures
from tests.pages.test_figures import BOOK, ROOT, sample


def changed(**how) -> plt.Figure:
    """A figure with one thing that may differ: what it shows, or how."""
    figure, axes = figures.figure(1, 2, height=how.get("height", "normal"))
    values = np.linspace(0, 1, 9) + how.get("shift", 0)
    axes[0, 0].plot(values, values**2, color=how.get("colour", "black"), label="line")
    axes[0, 0].set(title=how.get("title", ""), yscale=how.get("scale", "linear"))
    axes[0, 1].imshow(np.outer(values, values), cmap=how.get("colours", "gray"))
    figures.legend_on_top(axes)
    return figure


def known_here(value: float, place: int) -> str:
    return f"{value:g}"


@pytest.fixture(autouse=True)
def style():
    """That of the book; without it ids in pictures are random."""
    with plt.style.context(BOOK / "house.mplstyle"):
        yield
    plt.close("all")


def never(*_):
    raise AssertionError("drawn again")


def test_a_figure_that_is_the_same_is_not_drawn_again_and_looks_the_same(tmp_path, monkeypatch):
    drawn = pictures.kept(sample(), tmp_path / "new")
    assert drawn == pictures.svg(sample())
    [file] = (tmp_path / "new").iterdir()
    monkeypatch.setattr(pictures, "svg", never)
    assert pictures.kept(sample(), tmp_path / "new") == drawn == file.read_text()


@pytest.mark.parametrize(
    "how",
    [
        dict(shift=1e-9),
        dict(colour="blue"),
        dict(title="other"),
        dict(scale="log"),
        dict(colours="viridis"),
        dict(height="tall"),
    ],
    ids=lambda how: next(iter(how)),
)
def test_whatever_shows_makes_another_picture(how):
    assert pictures.identity(changed()) == pictures.identity(changed())
    assert pictures.identity(changed(**how)) != pictures.identity(changed())


def test_the_style_counts_and_open_windows_do_not():
    one, another = changed(), changed()
    assert one.number != another.number
    assert pictures.identity(one) == (known := pictures.identity(another))
    with plt.rc_context({"svg.fonttype": "none"}):
        assert pictures.identity(changed()) != known


def test_another_process_knows_the_figure_again():
    """Whatever the order of its sets and the addresses of its objects."""
    words = "from tests.pages.test_pictures import *; print(pictures.identity(sample()))"
    found = {
        subprocess.run(
            [sys.executable, "-c", words],
            cwd=ROOT,
            env=os.environ | {"PYTHONHASHSEED": seed, "MPLBACKEND": "agg"},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(found) == 1 and len(found.pop().strip()) == 32


@pytest.mark.parametrize(
    "words",
    [lambda value, place: f"{value:g}", known_here, figures.ordered_colours],
    ids=["unnamed", "here", "ours"],
)
def test_a_function_that_may_change_is_not_relied_on(words, tmp_path, monkeypatch):
    monkeypatch.setattr(known_here, "__module__", "__main__")
    monkeypatch.setattr(sys.modules["__main__"], "known_here", known_here, raising=False)
    figure, axes = figures.figure()
    formatter = FuncFormatter(lambda *_: "")
    formatter.func = words
    axes[0, 0].xaxis.set_major_formatter(formatter)
    assert pictures.identity(figure) == ""
    if words is not figures.ordered_colours:
        assert pictures.kept(figure, tmp_path).endswith(pictures.END)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("left", [b"", b"<svg", b"\xff\xfe"], ids=["empty", "part", "bytes"])
def test_a_damaged_picture_is_drawn_again(left, tmp_path):
    drawn = pictures.kept(changed(), tmp_path)
    [file] = tmp_path.iterdir()
    file.write_bytes(left)
    assert pictures.kept(changed(), tmp_path) == drawn == file.read_text()


def test_where_nothing_can_be_kept_pictures_are_drawn_all_the_same(tmp_path):
    (tmp_path / "file").touch()
    assert pictures.kept(changed(), tmp_path / "file") == pictures.svg(changed())


def test_a_picture_that_warns_does_so_each_time(tmp_path):
    for _ in range(2):
        with pytest.warns(UserWarning, match="Glyph"):
            pictures.kept(changed(title="\N{SNOWMAN WITHOUT SNOW}\N{CJK UNIFIED IDEOGRAPH-4E16}"), tmp_path)
    assert list(tmp_path.iterdir()) == []
