"""Sphinx extension: a page that would be written as it is stays, so that a run renders what it changed.

Sphinx writes again what it has read again. Beside its own source a page shows titles, numbers and labels of
others, and what the book's code and the libraries make of it: where any of these changed all are written.
"""

import hashlib
import site
from pathlib import Path
from shutil import rmtree

from docutils import nodes

import companion.pages

# Of an environment: what other pages may quote of a page.
QUOTED = (
    *("titles", "toctree_includes", "toc_secnumbers", "toc_fignumbers"),
    *("proof_list", "sphinx_exercise_registry"),
)
OF_DOMAINS = (("std", "labels"), ("std", "anonlabels"), ("math", "objects"), ("cite", "citations"))
SOURCES = ("notation.md", "references.bib")  # are quoted by all


def shared(app, env):
    """What any page may show beside its own source, as values that can be compared and kept."""
    quoted = [getattr(env, name, None) for name in QUOTED]
    quoted += [env.domaindata.get(domain, {}).get(name) for domain, name in OF_DOMAINS]
    return [plain(quoted), code(Path(app.srcdir) / app.config.root_doc)]


def plain(value):
    """Texts and numbers by which two things can be told apart."""
    match value:
        case dict():
            return {key: plain(one) for key, one in value.items()}
        case list() | tuple():
            return [plain(one) for one in value]
        case nodes.Node():
            return value.astext()
        case None | str() | int():
            return value
    return type(value).__name__


def code(root):
    """A digest of what makes pages of sources, and the libraries beside it, whose names have versions."""
    own = [Path(__file__).parent, root.parent / "_static", Path(companion.pages.__file__).parent]
    files = sorted(path for folder in own for path in folder.rglob("*") if "__pycache__" not in path.parts)
    files += [root.parent / name for name in SOURCES]
    digest = hashlib.sha256()
    for path in filter(Path.is_file, files):
        digest.update(f"{path.name} {path.stat().st_size} ".encode() + path.read_bytes())
    libraries = {path.name for folder in site.getsitepackages() for path in Path(folder).glob("*.dist-info")}
    return digest.hexdigest(), sorted(libraries)


def outdated(app, env):
    """All pages, or none; the old ones make room, so that of a page that is gone nothing stays."""
    before, env.shared = getattr(env, "shared", None), shared(app, env)
    if env.shared == before:
        return []
    for path in Path(app.outdir).iterdir():
        rmtree(path) if path.is_dir() else path.unlink()
    return env.found_docs


def drop_unused(app, error):
    """Remove pictures and data of pages as they were."""
    if error or app.builder.format != "html":
        return
    used = {f"_images/{name}" for _, name in app.env.images.values()}
    used |= {f"_downloads/{name}" for _, name in app.env.dlfiles.values()}
    for folder in ("_images", "_downloads"):
        for path in Path(app.outdir, folder).rglob("*"):
            if path.is_file() and path.relative_to(app.outdir).as_posix() not in used:
                path.unlink()


def setup(app):
    app.connect("env-get-updated", outdated, priority=900)  # after those that give numbers
    app.connect("build-finished", drop_unused)
    return {"parallel_read_safe": True, "parallel_write_safe": True, "env_version": 1}
