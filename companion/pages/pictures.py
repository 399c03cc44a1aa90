"""From a figure to its picture, which is drawn once: a figure that is the same again has the same picture.

To lay out and draw figures takes half of a page's time once its cells are kept.
"""

import hashlib
import io
import os
import pickle
import tempfile
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.transforms import TransformNode

PIXELS_PER_INCH = 96
END = "</svg>\n"  # of a picture that is whole
# Who uses a transformation, by address; the window of a figure.
UNSEEN = ("_parents", "_number", "_restore_to_pylab")
# What pickles of figures only name may be another thing the next time: functions of ours, and a notebook's.
CHANGES = (b"companion.", b"ts_core.", b"__main__")


def svg(figure: Figure) -> str:
    """A figure as it is written: as a whole, no box around what was drawn, so that the widths hold.

    It is laid out and drawn in one go, where ``savefig`` draws a first time for the layout alone. Date and
    version are left out, for they differ between runs; clouds have two pixels for one of the page.
    """
    figure.set_dpi(2 * PIXELS_PER_INCH)
    text = io.StringIO()
    FigureCanvasSVG(figure).print_svg(text, metadata={"Date": None, "Creator": None})
    return text.getvalue()


def kept(figure: Figure, folder: Path) -> str:
    """The picture of a figure: read where a folder has it from an earlier run, else drawn and put there."""
    name = identity(figure)
    if not name:
        return svg(figure)
    place = folder / f"{name}.svg"
    with suppress(OSError, UnicodeDecodeError):
        if (picture := place.read_text(encoding="utf-8")).endswith(END):
            return picture
    with warnings.catch_warnings(record=True) as heard:
        picture = svg(figure)
    for one in heard:
        warnings.warn_explicit(one.message, one.category, one.filename, one.lineno)
    if not heard:  # else it would warn no more
        with suppress(OSError):  # then it is drawn again
            folder.mkdir(parents=True, exist_ok=True)
            write(place, picture)
    return picture


def identity(figure: Figure) -> str:
    """Of all that a picture is made from: the figure before it is laid out, its style, what draws it.

    Empty for a figure of which that cannot be said: it holds a function that has no name or may change.
    """
    try:
        _Figures(stream := io.BytesIO()).dump((dict(matplotlib.rcParams), figure))
    except Exception:  # what cannot be pickled says so in many ways
        return ""
    made_of = stream.getvalue()
    if any(name in made_of for name in CHANGES):
        return ""
    drawn_by = f"matplotlib {matplotlib.__version__}".encode() + Path(__file__).read_bytes()
    return hashlib.sha256(made_of + drawn_by).hexdigest()[:32]


class _Figures(pickle.Pickler):
    """Equal bytes for equal figures."""

    def reducer_override(self, one: Any) -> Any:
        if not isinstance(one, TransformNode | Figure):
            return NotImplemented
        make, words, state, *rest = one.__reduce_ex__(pickle.DEFAULT_PROTOCOL)
        return make, words, {name: value for name, value in state.items() if name not in UNSEEN}, *rest


def write(path: Path, text: str) -> None:
    """Write a file that appears complete or not at all."""
    handle, beside = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=path.suffix)
    try:
        with open(handle, "w", newline="", encoding="utf-8") as stream:
            stream.write(text)
        os.chmod(beside, 0o644)
        os.replace(beside, path)
    except BaseException:
        os.unlink(beside)
        raise
