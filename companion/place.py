"""Where the book lies, and where what is made goes."""

import os
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent


def root() -> Path:
    """The folder of the book: it holds ``_toc.yml``, ``_config.yml`` and ``book/``.

    The folder one works in, or one above it, if it is a book with ``companion/chapters/`` of its own; else
    the checkout, or what an installed package carries.
    """
    here = Path.cwd()
    own = [folder for folder in (here, *here.parents) if (folder / "_toc.yml").exists()]
    mine = [folder for folder in own if (folder / "companion" / "chapters").is_dir()]
    return next(
        folder for folder in (*mine, PACKAGE / "_sources", PACKAGE.parent) if (folder / "_toc.yml").exists()
    )


def is_fixed() -> bool:
    """Whether nothing is to be written where the book lies: an installed package, a checkout for reading."""
    folder = root()
    return folder == PACKAGE / "_sources" or not os.access(folder, os.W_OK)


def work() -> Path:
    """``_build`` of the book's folder; of the folder one works in, if the book is to stay as it is."""
    return (Path.cwd() if is_fixed() else root()) / "_build"
