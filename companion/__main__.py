"""Command line of the book: python -m ts_core list | run | build | notebooks | sweep | fetch."""

import argparse
import os
import sys
from pathlib import Path

from ts_core.notebooks import ROOT, BookError

IMAGES = "folder with the CIFAR-10 images (default: $TS_CORE_DATA, else the user's cache)"


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m ts_core", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("list", help="chapters and their parameters: type, default, meaning, unit")
    one = commands.add_parser("run", help="execute one chapter with other parameters and render the book; book/ stays as it is")
    one.add_argument("chapter", help="name of the notebook, as in `list`")
    one.add_argument("-p", nargs=2, action="append", default=[], metavar=("NAME", "VALUE"), help="one parameter; repeat")
    one.add_argument("-f", type=Path, metavar="FILE", help="parameters from a YAML file; -p wins over it")
    one.add_argument("--data-dir", type=Path, metavar="DIR", help=IMAGES)
    commands.add_parser("build", help="execute all chapters at their defaults and render the book")
    commands.add_parser("notebooks", help="execute all chapters at their defaults and store them in book/")
    many = commands.add_parser("sweep", help="train a whole sweep; finished cells are kept, so the same command resumes")
    many.add_argument("name", help="cifar10, cross_entropy_rate, dataset_size, deep_l_shape, depth, equal_budget, fan_out, "
                      "sample_complexity or wider_students")
    many.add_argument("--scale", choices=("quick", "laptop", "paper"), default="quick", help="settings of the chapter, of the "
                      "paper, or between them (cifar10 only)")
    many.add_argument("--workers", type=int, metavar="N", help="processes of one thread each (default: one per core)")
    many.add_argument("--scheduler", metavar="ADDRESS", help="run on the Dask cluster at tcp://... instead")
    many.add_argument("--results", type=Path, metavar="DIR", help="folder of finished cells (default: _build/cells)")
    many.add_argument("--export", type=Path, metavar="DIR", help="folder of the gathered tables (default: above quick scale "
                      "book/results/NAME, else _build/results/NAME)")
    many.add_argument("--data-dir", type=Path, metavar="DIR", help=IMAGES)
    images = commands.add_parser("fetch", help="download a data set, once; verified, all or nothing")
    images.add_argument("data", choices=("cifar10",))
    images.add_argument("--data-dir", type=Path, metavar="DIR", help="where to (default: $TS_CORE_DATA, else the user's cache)")
    return parser


def main(words: list[str] | None = None) -> int:
    """Run one command; what a reader can put right ends in one line on stderr and exit status 1."""
    given = arguments().parse_args(words)
    try:
        return COMMANDS[given.command](given)
    except (BookError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; the last rendering is as it was", file=sys.stderr)
        return 130


def _list(given: argparse.Namespace) -> int:
    from ts_core import chapters, experiments

    print(chapters.describe(experiments.CHAPTERS))
    return 0


def _run(given: argparse.Namespace) -> int:
    from ts_core import book, chapters, experiments

    _use_images(given.data_dir)
    registry = experiments.CHAPTERS
    spec = registry[chapters.choose(given.chapter, list(registry), "chapter")]
    from_file = chapters.read_values(given.f) if given.f else {}
    from_words = {name: chapters.parse(name, text) for name, text in given.p}
    return _open(book.run(ROOT, registry, given.chapter, chapters.merge(spec, from_file, from_words)))


def _build(given: argparse.Namespace) -> int:
    from ts_core import book, experiments

    return _open(book.build(ROOT, experiments.CHAPTERS))


def _notebooks(given: argparse.Namespace) -> int:
    from ts_core import book, experiments

    changed = book.rewrite(ROOT, experiments.CHAPTERS)
    print("\n".join(f"wrote {page}" for page in changed) or "every notebook is as it was")
    return 0


def _sweep(given: argparse.Namespace) -> int:
    from ts_core import sweeps

    _use_images(given.data_dir)
    return sweeps.command(given)


def _use_images(folder: Path | None) -> None:
    """Take the images from ``folder``, if one is given; raises DataError unless they can be read."""
    if folder:
        from ts_core.cifar10 import checksums, data_folder

        checksums(data_folder(folder))
        os.environ["TS_CORE_DATA"] = str(folder.resolve())  # inherited by kernels and workers


def _fetch(given: argparse.Namespace) -> int:
    from ts_core.cifar10 import data_folder
    from ts_core.experiments.cifar10_fetch import fetch

    print(fetch(data_folder(given.data_dir)))
    return 0


def _open(page: Path) -> int:
    print(f"open {page.as_uri()}")
    return 0


COMMANDS = {"list": _list, "run": _run, "build": _build, "notebooks": _notebooks, "sweep": _sweep, "fetch": _fetch}

if __name__ == "__main__":
    sys.exit(main())
