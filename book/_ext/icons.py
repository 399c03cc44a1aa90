"""Sphinx extension: the icon script holds the icons that pages show, not the two thousand that there are.

The theme's script draws an ``<i class="fa-solid fa-bars">`` as an SVG. What pages and scripts name after
``fa-`` stays in it; the rest, 95 % of it, goes.
"""

import re
from pathlib import Path

SCRIPT = Path("_static/scripts/fontawesome.js")
# "arrow-up":[384,512,[8593],"f062","M214…"]: name, width, height, other names, code point, path or two paths
ICON = re.compile(
    r"""(?P<name>"[a-z0-9-]+"|[a-z0-9]+):\[\d+,\d+,\[(?P<others>[^\]]*)\],"[0-9a-f]+","""
    r"""(?:"[^"]*"|\["[^"]*","[^"]*"\])\],?"""
)
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


def wanted(html: Path) -> set[str]:
    """What pages and the other scripts name."""
    named = set()
    for path in (*html.rglob("*.html"), *(html / "_static").rglob("*.js")):
        if path.name != SCRIPT.name:
            named |= {*NAMED.findall(path.read_text(encoding="utf-8"))}
    return named


def lighten(app, error):
    script = Path(app.outdir) / SCRIPT
    if not error and app.builder.format == "html" and script.is_file():
        text = script.read_text(encoding="utf-8")
        script.write_text(subset(text, wanted(Path(app.outdir))), encoding="utf-8")
        script.with_name(f"{script.name}.map").unlink(missing_ok=True)  # of the whole script


def setup(app):
    app.connect("build-finished", lighten, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
