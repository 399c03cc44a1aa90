"""Sphinx extension: a figure too wide for its column scrolls in its own box, and a figure links its data.

The page ``book/chapter`` has the data of its figure ``fig-x`` in ``book/figures/chapter/``: in ``fig-x.csv``,
or in ``fig-x.part.csv`` for each part. Figures without such files and pictures of other kinds stay untouched.
"""

import re
from pathlib import Path

from docutils import nodes
from sphinx.addnodes import download_reference
from sphinx.transforms import SphinxTransform

TEXT_WIDTH = 676  # CSS pixels, as in companion/pages/figures.py; wider figures reach into the margin
PIXELS = {"": 1.0, "px": 1.0, "pt": 96 / 72, "in": 96.0}


class Picture(nodes.General, nodes.Element):
    """A box around one picture of known width and height (CSS pixels)."""


class FigurePages(SphinxTransform):
    """Boxes and data links, before Sphinx collects the files to copy."""

    default_priority = 500

    def apply(self):
        page = Path(self.env.doc2path(self.env.docname))
        for figure in list(self.document.findall(nodes.figure)):
            self._box(figure)
            self._link_data(figure, page)

    def _box(self, figure):
        images = [image for image in figure.findall(nodes.image) if image["uri"].endswith(".svg")]
        if len(images) != 1:
            return
        size = svg_size(Path(self.env.relfn2path(images[0]["uri"], self.env.docname)[1]))
        content = [child for child in figure.children if not isinstance(child, (nodes.caption, nodes.legend))]
        place = figure.index(content[0])
        for child in content:
            figure.remove(child)
        figure.insert(place, Picture("", *content, size=size))
        if size[0] > TEXT_WIDTH:
            output = figure.parent if "cell_output" in figure.parent.get("classes", []) else figure
            output["classes"].append("wide")
            if len(list(self.document.findall(nodes.section))) > 1:
                # of the theme: the contents in the margin make room; on a page without them its script would
                # fail
                output["classes"].append("full-width")

    def _link_data(self, figure, page):
        captions = [child for child in figure.children if isinstance(child, nodes.caption)]
        folder = page.parent / "figures" / page.stem
        files = [file for name in figure["names"] for file in data_files(folder, name)]
        if not (captions and files):
            return
        words = nodes.inline(classes=["figure-data"])
        for file in files:
            part = file.name.split(".")[1:-1]
            words += nodes.Text(", " if len(words) else "data (CSV): " if part else "")
            target = file.relative_to(page.parent).as_posix()
            link = download_reference(reftarget=target, refdoc=self.env.docname)
            link += nodes.Text(part[0].replace("_", " ") if part else "data (CSV)")
            words += link
        captions[-1] += [nodes.Text(" "), words]


def data_files(folder, name):
    """Files of a figure's data: the whole table, or its parts in the order of their names."""
    return [
        file for file in (folder / f"{name}.csv", *sorted(folder.glob(f"{name}.*.csv"))) if file.is_file()
    ]


def svg_size(path):
    """Width and height of an SVG file in CSS pixels."""
    head = re.search(r"<svg\b[^>]*>", path.read_text(encoding="utf-8")).group()
    found = [re.search(rf'\b{side}="([\d.]+)(\w*)"', head) for side in ("width", "height")]
    return tuple(round(float(side[1]) * PIXELS[side[2]], 2) for side in found)


def open_box(translator, node):
    width, height = node["size"]
    # focusable, so that the arrow keys scroll it
    style = f"--width: {width:g}; --height: {height:g}"
    translator.body.append(f'<div class="picture" tabindex="0" style="{style}">')


def close_box(translator, node):
    translator.body.append("</div>\n")


def pass_by(translator, node):
    pass


def setup(app):
    others = dict.fromkeys(("latex", "text", "man", "texinfo", "epub"), (pass_by, pass_by))
    app.add_node(Picture, html=(open_box, close_box), **others)
    app.add_transform(FigurePages)
    return {"parallel_read_safe": True, "parallel_write_safe": True, "env_version": 1}
