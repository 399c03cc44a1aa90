"""Sphinx extension: the theme's icons are those that pages show, not the two thousand that there are.

Its script draws an ``<i class="fa-solid fa-bars">`` as an SVG; its style has a letter for it, where
no script runs. What pages and scripts name after ``fa-`` stays in both; the rest, 95 % of the script, goes.
"""

import re
from pathlib import Path

SCRIPT = Path("_static/scripts/fontawesome.js")
# "arrow-up":[384,512,[8593],"f062","M214…"]: name, width, height, other names, code point, path or two paths
ICON = re.compile(
    r"""(?P<name>"[a-z0-9-]+"|[a-z0-9]+):\[\d+,\d+,\[(?P<others>[^\]]*)\],"[0-9a-f]+","""
    r"""(?:"[^"]*"|\["[^"]*","[^"]*"\])\],?"""
)
STYLE = Path("_static/styles/pydata-sphinx-theme.css")
RULE = re.compile(r'(?:\.fa-[\w-]+:{1,2}before,?)+\{content:"[^"]*"\}')
NAMED = re.compile(r"\bfa-([a-z0-9]+(?:-[a-z0-9]+)*)")


def subset(script: str, wanted: set[str]) -> str:
    """The script with the icons that are wanted under one of their names.

    raises      ValueError where it holds none that could be left out: the theme has another one then.
    """

    def keep(icon: re.Match) -> str:
        names = {icon["name"].strip('"'), *re.findall(r'"([^"]+)"', icon["others"])}
        return icon.group() if names & wanted else ""

    if not ICON.search(script):
        raise ValueError(f"{SCRIPT} holds no icons that can be told apart")
    return ICON.sub(keep, script)


def rules(style: str, wanted: set[str]) -> str:
    """The style with the letters of the icons that are wanted."""
    return RULE.sub(lambda rule: rule.group() if {*NAMED.findall(rule.group())} & wanted else "", style)


def wanted(html: Path) -> set[str]:
    """What pages and the other scripts name."""
    named = set()
    for path in (*html.rglob("*.html"), *(html / "_static").rglob("*.js")):
        if path.name != SCRIPT.name:
            named |= {*NAMED.findall(path.read_text(encoding="utf-8"))}
    return named


def lighten(app, error):
    html = Path(app.outdir)
    if error or app.builder.format != "html" or not (html / SCRIPT).is_file():
        return
    names = wanted(html)
    for file, lighter in ((html / SCRIPT, subset), (html / STYLE, rules)):
        file.write_text(lighter(file.read_text(encoding="utf-8"), names), encoding="utf-8")
        file.with_name(f"{file.name}.map").unlink(missing_ok=True)  # of the whole


def setup(app):
    app.connect("build-finished", lighten, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
