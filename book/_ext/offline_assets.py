"""Sphinx extension: the book reads fully without a network, formulas included."""

import importlib.util
import shutil
from pathlib import Path

# What these pages use of MathJax: without its menu, a third of the one file that holds all of this and more
MATHJAX_START = "startup.js"
MATHJAX_LOADS = ("core", "input/tex", "output/chtml", "a11y/assistive-mml")
MATHJAX = (MATHJAX_START, *(f"{part}.js" for part in MATHJAX_LOADS), "output/chtml/fonts")


def copy_mathjax(app, error):
    if error or app.builder.format != "html":
        return
    source = Path(importlib.util.find_spec("sphinx-mathjax-offline").origin).parent / "static" / "mathjax"
    target = Path(app.outdir) / "_static" / "mathjax"
    for part in MATHJAX:
        if (source / part).is_dir():
            shutil.copytree(source / part, target / part, dirs_exist_ok=True)
        else:
            (target / part).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source / part, target / part)


def load_parts(app, config):
    """Tell MathJax which parts to load, beside what the book tells it."""
    config.mathjax3_config = {"loader": {"load": list(MATHJAX_LOADS)}, **(config.mathjax3_config or {})}


def drop_repeated_scripts(app, pagename, templatename, context, doctree):
    """sphinx-thebe adds its inline script twice, and the browser refuses the second declaration."""
    seen, kept = set(), []
    for script in context.get("script_files", []):
        body = getattr(script, "attributes", {}).get("body")
        if not body or body not in seen:
            kept.append(script)
        seen.add(body)
    context["script_files"] = kept


# A name that hides the words of a control, and the roles of a list that may not hold what docutils puts there
WRONG_NAMES = {
    '<summary aria-label="Toggle hidden content">': "<summary>",
    '<div role="list" class="citation-list">': '<div class="citation-list">',
    ' role="doc-biblioentry"': "",
}


def mend_names(app, pagename, templatename, context, doctree):
    """What those hear who cannot see a page is what it says."""
    for wrong, right in WRONG_NAMES.items() if "body" in context else ():
        context["body"] = context["body"].replace(wrong, right)


def add_static_folders(app):
    for folder in (Path(__file__).parent / "static", Path(__file__).parents[1] / "_static"):
        if folder.is_dir():
            app.config.html_static_path.append(str(folder))


def setup(app):
    app.config.mathjax_path = f"mathjax/{MATHJAX_START}"
    app.add_css_file("book.css")
    for script in ("figures.js", "scorecard.js", "hints.js", "names.js", "print.js"):
        app.add_js_file(script, loading_method="defer")
    app.connect("config-inited", load_parts)
    app.connect("html-page-context", drop_repeated_scripts, priority=900)
    app.connect("html-page-context", mend_names)
    app.connect("build-finished", copy_mathjax)
    app.connect("builder-inited", add_static_folders)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
