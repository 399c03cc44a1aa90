"""Figures: colours that every common vision tells apart, sizes that can be read, and the data beside them."""

import importlib.util
import io
import json
import re
from itertools import pairwise
from pathlib import Path

import matplotlib

matplotlib.use("agg")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb
from skimage.color import deltaE_ciede2000, rgb2lab

from companion.pages import figures, pictures
from tests.browsing import ON_PHONE, SMALLEST, figures_on_screen, visit, wrong_figures

ROOT = Path(figures.__file__).resolve().parents[2]
BOOK = ROOT / "book"
DRAWN_TOGETHER = ({1, 2}, {1, 5}, {1, 2, 5}, {1, 2, 5, 10}, {1, 2, 4, 8})
# What readers without green cones, or without red ones, see of linear red, green, blue (Machado et al. 2009).
WITHOUT_GREEN = np.array(
    [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
)
WITHOUT_RED = np.array(
    [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
)
VISIONS = {"common": np.eye(3), "without green": WITHOUT_GREEN, "without red": WITHOUT_RED}
# A difference of 1 (CIEDE2000) is just seen between two large fields side by side. Lines and small dots,
# to be found again in a legend some way off, need several times as much.
DISTINCT = 8.0


@pytest.fixture(autouse=True)
def house():
    with plt.style.context(BOOK / "house.mplstyle"):
        yield
    plt.close("all")


def seen(colour: str, vision: str) -> np.ndarray:
    """CIELAB of a colour as a reader with that vision sees it."""
    linear = np.array([c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)])
    linear = np.clip(VISIONS[vision] @ linear, 0, 1)
    return rgb2lab(np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055))


def difference(one: str, other: str, vision: str) -> float:
    return float(deltaE_ciede2000(seen(one, vision), seen(other, vision)))


def too_close(pairs, vision: str) -> list[str]:
    return [f"{a} {b}: {d:.1f}" for a, b in pairs if (d := difference(a, b, vision)) < DISTINCT]


def test_colour_difference_knows_what_readers_confuse():
    assert difference("#ffffff", "#ffffff", "common") == 0
    assert difference("#000000", "#ffffff", "without green") == pytest.approx(100, abs=0.1)
    red, green = "#c05050", "#6d7d45"  # a pair that is hard without green cones
    assert difference(red, green, "common") > 3 * difference(red, green, "without green")


def test_an_over_realization_has_one_colour_whatever_is_drawn_beside_it():
    alone = {
        ratio: figures.over_realization_colours([ratio])[ratio] for ratio in (1, 1.5, 2, 3, 4, 5, 8, 10, 20)
    }
    assert figures.over_realization_colours(alone) == alone
    assert figures.over_realization_colours(np.array([2.0, 1.0, 2.0])) == {1.0: alone[1], 2.0: alone[2]}
    lightness = [seen(colour, "common")[0] for colour in alone.values()]
    assert all(light > dark for light, dark in pairwise(lightness))


def test_over_realizations_below_one_are_refused():
    for wrong in (0.5, float("nan")):
        with pytest.raises(ValueError, match="at least 1"):
            figures.over_realization_colours([1, wrong])


def test_a_layer_has_one_colour_whatever_is_drawn_beside_it():
    every = figures.layer_colours(range(1, 7))
    assert figures.layer_colours([3, 1]) == {1: every[1], 3: every[3]}
    lightness = [seen(every[layer], "common")[0] for layer in range(1, 7)]
    assert all(dark < light for dark, light in pairwise(lightness))
    with pytest.raises(ValueError, match="1 to 6"):
        figures.layer_colours([0, 1])


@pytest.mark.parametrize("vision", VISIONS)
def test_colours_drawn_together_are_told_apart(vision):
    ratio, layer = figures.over_realization_colours({1, 2, 4, 5, 8, 10}), figures.layer_colours(range(1, 7))
    pairs = [(ratio[a], ratio[b]) for group in DRAWN_TOGETHER for a, b in pairwise(sorted(group))]
    pairs += [(layer[a], layer[b]) for a, b in pairwise(layer)]
    pairs += [(colour, "#ffffff") for colour in (*ratio.values(), *layer.values())]
    networks = [figures.TEACHER, figures.STUDENT, figures.ACCENT, figures.NEUTRAL, "#ffffff"]
    pairs += [(a, b) for i, a in enumerate(networks) for b in networks[:i]]
    pairs += [(figures.TEACHER, ratio[r]) for r in (1, 2)]  # accuracies of students beside their teacher's
    assert too_close(pairs, vision) == []


def test_lines_stand_out_from_the_paper():
    """Luminance against white: 3 is what graphics should have; the lightest of a scale have a little less."""

    def contrast(colour):
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
        return 1.05 / (np.dot([0.2126, 0.7152, 0.0722], linear) + 0.05)

    every = [*figures.RATIOS.values(), *figures.LAYERS[:5], figures.TEACHER, figures.STUDENT, figures.ACCENT]
    assert {colour: contrast(colour) for colour in every if contrast(colour) < 2.3} == {}


def test_a_figure_has_a_size_from_few():
    sizes = {columns: figures.figure(1, columns)[0].get_size_inches() for columns in (1, 2, 3, 4)}
    assert [round(size[0] * 96) for size in sizes.values()] == [
        figures.WIDTHS[w] for w in ("narrow", "text", "text", "full")
    ]
    assert figures.figure(2, 3, width="full", height="low", sharex=True)[1].shape == (2, 3)
    for wrong in (dict(columns=5), dict(columns=0)):
        with pytest.raises(ValueError, match="1 to 4"):
            figures.figure(1, **wrong)
    with pytest.raises(ValueError, match="width must be one of narrow, text, full"):
        figures.figure(width=8.4)
    with pytest.raises(ValueError, match="height must be one of"):
        figures.figure(height="2.4")


def test_mean_and_band_are_mean_and_sample_deviation():
    table = pd.DataFrame({"x": [1, 1, 1, 2], "y": [1.0, 2.0, 6.0, 4.0]})
    ax = figures.figure()[1][0, 0]
    figures.mean_and_band(table, "x", "y", ax, figures.STUDENT, label="mean")
    assert ax.lines[0].get_ydata().tolist() == [3.0, 4.0]
    edge = ax.collections[0].get_paths()[0].vertices
    assert edge[:, 1].max() == pytest.approx(3 + 7**0.5) and edge[:, 1].min() == pytest.approx(3 - 7**0.5)


def test_missing_numbers_are_announced():
    ax = figures.figure()[1][0, 0]
    figures.say_missing(ax, pd.Series([1.0, 2.0]))
    assert not ax.texts
    figures.say_missing(ax, pd.Series([1.0, np.nan]))
    assert ax.texts[0].get_text().startswith("1 of 2 missing")


def test_a_legend_takes_the_free_place_of_a_grid_or_the_top():
    _, axes = figures.figure(2, 3, sharex=True)
    for ax in axes.flat[:5]:
        ax.plot([0, 1], [0, 1], label="line")
    figures.label_rim(axes, "x", "y")
    figures.legend_in_grid(axes, 5)
    assert [text.get_text() for text in axes[1, 2].get_legend().get_texts()] == ["line"]
    axes[0, 0].figure.canvas.draw()
    with_numbers = [any(tick.label1.get_visible() for tick in ax.xaxis.get_major_ticks()) for ax in axes[0]]
    assert with_numbers == [False, False, True]  # under the third panel is no other
    full, axes = figures.figure(1, 2)
    for ax in axes.flat:
        ax.plot([0, 1], [0, 1], label="line")
    figures.legend_in_grid(axes, 2)
    assert [text.get_text() for text in full.legends[0].get_texts()] == ["line"]


def sample(dots: int = 2000) -> plt.Figure:
    """A figure with everything that could differ between two renderings: clips, markers, pixels, formulas."""
    figure, axes = figures.figure(2, 2)
    x = np.linspace(0, 1, dots)
    figures.cloud(axes[0, 0], x, x**2, figures.STUDENT)
    axes[0, 1].plot(x[:9], x[:9], **figures.PUBLISHED, label="v$_k$")
    axes[0, 1].set(yscale="log", title="a title")
    axes[1, 0].imshow(np.outer(x[:30], x[:30]), cmap="gray")
    figures.mean_and_band(
        pd.DataFrame({"x": [1, 1, 2, 2], "y": [1.0, 2.0, 3.0, 5.0]}), "x", "y", axes[1, 1], "black"
    )
    figures.legend_on_top(axes)
    return figure


def svg_width(text: str) -> float:
    """Width in CSS pixels."""
    return float(re.search(r'<svg\b[^>]*\bwidth="([\d.]+)pt"', text).group(1)) * 96 / 72


def text_sizes(text: str) -> dict[str, float]:
    """Size in CSS pixels of every piece of text of an SVG, by its words; an index counts with its letter.

    matplotlib draws letters as shapes of a font of 100 points, scaled.
    """
    found = {}
    for piece in re.findall(r'<g id="text_\d+">(.*?)</g>\s*(?=<g id|</g>|<defs|</svg|<path)', text, re.S):
        words = " ".join(re.findall(r"<!-- (.*?) -->", piece, re.S))
        sizes = [float(size) for size in re.findall(r"scale\(([\d.]+) -[\d.]+\)", piece)]
        assert sizes, words
        found[words] = min(found.get(words, np.inf), max(sizes) * 100 * 96 / 72)
    return found


def test_two_renderings_are_equal_byte_for_byte_and_have_no_date():
    one, other = pictures.svg(sample()), pictures.svg(sample())
    assert one == other
    assert "dc:date" not in one and "Matplotlib v" not in one


def test_a_figure_drawn_in_one_go_is_the_one_that_savefig_writes():
    stream = io.BytesIO()
    about = {"Date": None, "Creator": None}
    sample().savefig(stream, format="svg", dpi=2 * figures.PIXELS_PER_INCH, bbox_inches=None, metadata=about)
    assert pictures.svg(sample()) == stream.getvalue().decode()


@pytest.mark.parametrize("keep", ["", ", Path('kept')"], ids=["drawn", "kept"])
def test_a_notebook_shows_svg_that_is_equal_byte_for_byte(keep, tmp_path):
    """Twice in one kernel; that two kernels agree too is seen in the books of test_build.py."""
    import nbformat
    from nbclient import NotebookClient

    code = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
        "from pathlib import Path\nfrom companion.pages import figures\n"
        f"figures.style(Path({str(BOOK / 'house.mplstyle')!r}){keep})\n"
        "figure, axes = figures.figure(1, 2)\naxes[0, 0].plot([1, 2], [3, 4]);"
    )
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code) for _ in range(2)])
    NotebookClient(notebook, kernel_name="python3").execute(cwd=str(tmp_path))
    seen = [output.data for cell in notebook.cells for output in cell.outputs]
    assert [kept.read_text() for kept in tmp_path.glob("kept/*")] == [seen[0]["image/svg+xml"]] * bool(keep)
    assert [sorted(data) for data in seen] == [["image/svg+xml", "text/plain"]] * 2
    assert seen[0] == seen[1]
    assert svg_width(seen[0]["image/svg+xml"]) == pytest.approx(figures.WIDTHS["text"], abs=0.01)


@pytest.mark.parametrize("columns, rotated", [(3, False), (60, True)])
def test_a_heat_map_turns_labels_that_overlap_and_draws_nothing_for_it(columns, rotated, monkeypatch):
    names = [f"column {i}" for i in range(columns)]
    fig, axes = figures.figure()
    layouts = []
    monkeypatch.setattr(fig.get_layout_engine(), "execute", layouts.append)
    figures.heatmap(pd.DataFrame(np.eye(columns), columns=names), axes[0, 0])
    assert not layouts and fig.get_visible() and len(axes[0, 0].collections) == 1
    assert {label.get_rotation() for label in axes[0, 0].get_xticklabels()} == {90.0 if rotated else 0.0}
    plt.close(fig)


def test_large_clouds_are_pixels_and_small_ones_shapes():
    assert pictures.svg(sample(2000)).count("<image") == 2 and pictures.svg(sample(200)).count("<image") == 1


def test_text_of_a_figure_is_found_with_its_size():
    ax = figures.figure()[1][0, 0]
    ax.plot([1e-3, 1], [1, 2])
    ax.set(xscale="log", xlabel="norm of v$_k$", title="large")
    ax.text(0.1, 1.5, "tiny", fontsize=6)
    found = text_sizes(pictures.svg(ax.figure))
    assert found["tiny"] == pytest.approx(8) and found["norm of v$_k$"] == pytest.approx(12)
    assert any("10^" in words for words in found) and found["large"] > 12


def stored_figures() -> dict[str, dict]:
    """Pictures that the notebooks of the book store: mime types and data by notebook, cell and figure."""
    found = {}
    for path in sorted(BOOK.glob("*.ipynb")):
        for number, cell in enumerate(json.loads(path.read_text())["cells"]):
            name = cell["metadata"].get("mystnb", {}).get("figure", {}).get("name")
            for output in cell.get("outputs", []):
                if any(kind.startswith("image/") for kind in output.get("data", {})):
                    found[f"{path.stem}, cell {number}, {name}"] = output["data"]
    return found


def test_stored_figures_are_svg_whose_text_can_be_read():
    stored = stored_figures()
    assert len(stored) > 20
    assert [name for name, data in stored.items() if "image/svg+xml" not in data] == []
    wrong = []
    for name, data in stored.items():
        text = "".join(data["image/svg+xml"])
        width = svg_width(text)
        if not any(abs(width - allowed) < 0.01 for allowed in figures.WIDTHS.values()):
            wrong.append(f"{name}: {width} pixels wide")
        wrong += [
            f"{name}: {words!r} at {size:.1f}"
            for words, size in text_sizes(text).items()
            if size < SMALLEST - 0.01
        ]
        wrong += [f"{name}: a date"] if "dc:date" in text else []
    assert wrong == []


def test_every_figure_saves_its_data_under_its_own_name():
    wrong = []
    for path in sorted(BOOK.glob("*.ipynb")):
        for cell in json.loads(path.read_text())["cells"]:
            source = "".join(cell["source"]) if cell["cell_type"] == "code" else ""
            name = cell["metadata"].get("mystnb", {}).get("figure", {}).get("name")
            for saved in re.findall(r'save_data\(\w+, "([^"]+)"', source):
                wrong += [f"{path.stem}: {saved} in the cell of {name}"] if saved != name else []
    assert wrong == []


def test_data_are_written_whole_with_six_digits(tmp_path, monkeypatch):
    table = pd.DataFrame({"x": [1, 2], "y": [1 / 3, np.nan], "name": ["a", "b, c"]}, index=[7, 8])
    [file] = figures.save_data(tmp_path / "new", "fig-x", table)
    assert file.name == "fig-x.csv"
    assert file.read_bytes() == b'x,y,name\n1,0.333333,a\n2,,"b, c"\n'
    files = figures.save_data(tmp_path / "new", "fig-y", {"lines": table, "dots": table[:1]})
    assert [file.name for file in files] == ["fig-y.lines.csv", "fig-y.dots.csv"]

    def no_room(*_):
        raise OSError("disk full")

    monkeypatch.setattr(pictures.os, "replace", no_room)
    with pytest.raises(OSError, match="disk full"):
        figures.save_data(tmp_path / "new", "fig-x", table[:1])
    assert file.read_text().count("\n") == 3
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == [
        "fig-x.csv",
        "fig-y.dots.csv",
        "fig-y.lines.csv",
    ]


@pytest.fixture(scope="module")
def extension():
    spec = importlib.util.spec_from_file_location("figure_pages", BOOK / "_ext" / "figure_pages.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_pages_know_the_sizes_that_figures_have(extension, tmp_path):
    assert figures.WIDTHS["text"] == extension.TEXT_WIDTH
    (tmp_path / "x.svg").write_text(pictures.svg(figures.figure(1, 2)[0]))
    width, height = extension.svg_size(tmp_path / "x.svg")
    assert width == figures.WIDTHS["text"] and height == pytest.approx(
        width / 2 * figures.SHAPES["normal"], abs=0.1
    )
    shrinks = float(
        re.search(
            r"min-width: calc\((\S+)px \* var\(--width\)\)", (BOOK / "_ext/static/book.css").read_text()
        ).group(1)
    )
    assert shrinks * SMALLEST >= ON_PHONE


def test_data_of_a_figure_are_not_those_of_its_namesake(extension, tmp_path):
    for name in ("fig-size.csv", "fig-size-loss.csv", "fig-rates.ours.csv", "fig-rates.published.csv"):
        (tmp_path / name).touch()
    found = {
        name: [file.name for file in extension.data_files(tmp_path, name)]
        for name in ("fig-size", "fig-rates", "fig-x")
    }
    assert found == {
        "fig-size": ["fig-size.csv"],
        "fig-rates": ["fig-rates.ours.csv", "fig-rates.published.csv"],
        "fig-x": [],
    }


@pytest.fixture(scope="module")
def small_book(tmp_path_factory) -> Path:
    """A rendered book of one page with three figures: with two tables, with one, and without data."""
    import subprocess
    import sys

    import nbformat

    root = tmp_path_factory.mktemp("small")
    (root / "book").mkdir()
    extensions = BOOK / "_ext"
    (root / "_config.yml").write_text(
        "title: small\nonly_build_toc_files: true\nexecute: {execute_notebooks: 'off'}\n"
        f"sphinx:\n  local_extensions: {{figure_pages: {extensions}, offline_assets: {extensions}}}\n"
        "  config: {html_show_search_summary: false, html_context: {default_mode: light}}\n"
    )
    (root / "_toc.yml").write_text("format: jb-book\nroot: book/page\n")
    cells = [nbformat.v4.new_markdown_cell("# Page\n\n{numref}`fig-one` and {numref}`fig-two`.\n\n## Part\n")]
    with plt.style.context(BOOK / "house.mplstyle"):
        for name, columns in (("fig-one", 1), ("fig-two", 2), ("fig-four", 4)):
            figure, axes = figures.figure(1, columns)
            for ax in axes.flat:
                ax.plot([1, 2], [3, 4])
                ax.set(xlabel="time", title=f"panel of {columns}")
            output = nbformat.v4.new_output(
                "display_data", {"image/svg+xml": pictures.svg(figure), "text/plain": "<Figure>"}
            )
            mark = {
                "mystnb": {
                    "figure": {"caption": f"The caption of {name}.", "name": name},
                    "image": {"alt": name},
                }
            }
            cells.append(
                nbformat.v4.new_code_cell("figure", outputs=[output], execution_count=1, metadata=mark)
            )
    language = {"language_info": {"name": "python", "pygments_lexer": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=language), root / "book" / "page.ipynb")
    table = pd.DataFrame({"x": [1, 2]})
    figures.save_data(root / "book/figures/page", "fig-one", table)
    figures.save_data(root / "book/figures/page", "fig-two", {"ours": table, "their_own": table})
    tool = Path(sys.executable).parent / "jupyter-book"
    done = subprocess.run([tool, "build", root, "-W", "-n", "--keep-going"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return root / "_build" / "html"


def test_a_caption_links_the_data_that_lie_beside_the_page(small_book):
    page = (small_book / "book" / "page.html").read_text()
    captions = dict(
        zip(
            ("fig-one", "fig-two", "fig-four"),
            re.findall(r"<figcaption>.*?</figcaption>", page, re.S),
            strict=True,
        )
    )
    links = {name: re.findall(r'href="([^"]*\.csv)"[^>]*>(.*?)</a>', text) for name, text in captions.items()}
    assert [re.sub("<.*?>", "", words) for _, words in links["fig-one"]] == ["data (CSV)"]
    assert [re.sub("<.*?>", "", words) for _, words in links["fig-two"]] == ["ours", "their own"]
    assert links["fig-four"] == [] and "figure-data" not in captions["fig-four"]
    for address, _ in (*links["fig-one"], *links["fig-two"]):
        assert (small_book / "book" / address).resolve().read_text() == "x\n1\n2\n"


def test_only_wide_figures_reach_into_the_margin(small_book):
    page = (small_book / "book" / "page.html").read_text()
    boxes = re.findall(r'<div class="(cell_output[^"]*)".*?--width: (\d+)', page, re.S)
    assert [("full-width" in classes, int(width)) for classes, width in boxes] == [
        (False, 460),
        (False, 676),
        (True, 918),
    ]


# --- in a browser; every page of the book is looked at in tests/house/test_browser.py ---


def test_a_figure_has_its_place_before_its_picture_comes(small_book, browser):
    visit(browser, (small_book / "book" / "page.html").as_uri(), "light", 390)
    boxes = "return [...document.querySelectorAll('figure img')].map(i => i.getBoundingClientRect().height)"
    before = browser.execute_script(boxes)
    browser.execute_script("document.querySelectorAll('figure img').forEach(i => i.removeAttribute('src'))")
    assert len(before) == 3 and browser.execute_script(boxes) == pytest.approx(before, abs=1)


def test_dark_pages_lay_figures_out_like_light_ones(small_book, browser):
    seen = []
    for mode in ("light", "dark"):
        visit(browser, (small_book / "book" / "page.html").as_uri(), mode, 1280)
        seen.append([(shown["name"], shown["width"]) for shown in figures_on_screen(browser)])
    assert seen[0] == seen[1] and len(seen[0]) == 3


def test_the_browser_sees_a_figure_that_cannot_be_read(small_book, browser):
    visit(browser, (small_book / "book" / "page.html").as_uri(), "dark", 390)
    assert wrong_figures(browser, 390) == []
    browser.execute_script(
        "document.head.insertAdjacentHTML('beforeend', '<style>figure > .picture > img {"
        "min-width: 0 !important; filter: brightness(.8) !important; background: grey !important;"
        "aspect-ratio: 1 !important}</style>')"
    )
    kinds = " ".join(wrong_figures(browser, 390))
    assert all(word in kinds for word in ("text of", "filter", "background", "stretched"))


@pytest.mark.parametrize("entries, columns", [(5, 5), (6, 3), (7, 4), (11, 4)])
def test_a_legend_on_top_has_rows_of_about_one_length(entries, columns):
    figure, axes = figures.figure(1, 2)
    for name in range(entries):
        axes[0, 0].plot([0, 1], label=str(name))
    figures.legend_on_top(axes)
    figure.canvas.draw()
    places = [text.get_window_extent() for text in figure.legends[0].get_texts()]
    assert len({round(place.x0) for place in places}) == columns
    plt.close(figure)


def test_a_legend_on_top_is_as_narrow_as_its_figure():
    figure, axes = figures.figure(1, 1)
    for name in ("both layers", "both layers, random fan-outs", "soft committee at last"):
        axes[0, 0].plot([0, 1], label=name)
    figures.legend_on_top(axes)
    (legend,) = figure.legends
    assert legend.get_window_extent().width <= figure.bbox.width
    assert [text.get_text() for text in legend.get_texts()][-1] == "soft committee at last"
    plt.close(figure)
