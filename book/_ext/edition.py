"""Sphinx extension: the footer of every page says which version it is, and which commit where git knows."""

import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PROJECT = "student-specialization"


def git(folder, *words):
    try:
        return subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True).stdout.strip()
    except OSError:  # no git on this machine
        return ""


def edition(folder):
    """Version and commit of the sources in a folder, or in one below its checkout."""
    try:
        words = [f"Version {version(PROJECT)}"]
    except PackageNotFoundError:  # read without being installed
        words = []
    checkout = git(folder, "rev-parse", "--show-toplevel")
    if checkout and (Path(checkout) / "companion").is_dir():  # not of some folder around it
        changed = " with changes" if git(checkout, "status", "--porcelain") else ""
        words.append(f"commit {git(checkout, 'rev-parse', '--short', 'HEAD')}{changed}")
    return ", ".join(words)


def sign(app, config):
    config.html_theme_options["extra_footer"] = edition(app.srcdir)


def setup(app):
    app.connect("config-inited", sign, priority=100)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
