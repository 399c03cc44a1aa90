"""Rendered pages: they need no network, every link leads somewhere, and a browser has no complaint."""

import json
import re
import tomllib
from collections import Counter
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

import pytest

from tests.browsing import figures_on_screen, resize, switch, violations, visit, wrong_figures
from tests.toy_book import ROOT

LOADS = {
    "script": "src",
    "img": "src",
    "source": "src",
    "iframe": "src",
    "video": "src",
    "audio": "src",
    "embed": "src",
    "object": "data",
}
LOADING_LINKS = {
    "stylesheet",
    "preload",
    "icon",
    "shortcut icon",
    "modulepreload",
    "preconnect",
    "dns-prefetch",
}


class Page(HTMLParser):
    """What one page loads, where it links to, and which anchors it has."""

    def __init__(self, path: Path):
        super().__init__()
        self.loads, self.links, self.anchors, self.text = [], [], set(), path.read_text()
        self.feed(self.text)

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.anchors |= {found[name] for name in ("id", "name") if found.get(name)}
        if found.get(LOADS.get(tag, "")):
            self.loads.append(found[LOADS[tag]])
        if tag == "link" and found.get("rel") in LOADING_LINKS:
            self.loads.append(found["href"])
        if tag == "a" and found.get("href"):
            self.links.append(found["href"])


@pytest.fixture(scope="session")
def pages(html) -> dict[Path, Page]:
    return {path: Page(path) for path in html.rglob("*.html") if "_static" not in path.parts}


def remote(address: str) -> bool:
    return bool(urlsplit(address).netloc) or urlsplit(address).scheme in ("http", "https", "ftp", "ws", "wss")


def target(path: Path, address: str) -> tuple[Path, str]:
    """File and anchor of an address on the page at path."""
    parts = urlsplit(address)
    return (path.parent / unquote(parts.path)).resolve() if parts.path else path, unquote(parts.fragment)


def test_every_page_of_the_contents_is_rendered(html):
    toc = re.findall(r"(?:file|root): (\S+)", (ROOT / "_toc.yml").read_text())
    assert len(toc) >= 5
    assert [name for name in toc if not (html / f"{name}.html").exists()] == []


def test_pages_load_nothing_from_elsewhere(pages):
    assert {
        str(path): wrong for path, page in pages.items() if (wrong := [x for x in page.loads if remote(x)])
    } == {}


def test_styles_load_nothing_from_elsewhere(html):
    pattern = re.compile(r"""(?:url\(\s*['"]?|@import\s+['"])\s*(?:https?:)?//[^'")]+""")
    assert {
        str(path): found for path in html.rglob("*.css") if (found := pattern.findall(path.read_text()))
    } == {}


def test_what_pages_load_exists(pages):
    local = [
        (path, x)
        for path, page in pages.items()
        for x in page.loads
        if not remote(x) and not x.startswith("data:")
    ]
    assert len(local) > 10
    assert [f"{path.name}: {x}" for path, x in local if not target(path, x)[0].is_file()] == []


def test_local_links_and_anchors_resolve(pages):
    broken, followed = [], 0
    for path, page in pages.items():
        for address in page.links:
            if remote(address) or urlsplit(address).scheme in ("mailto", "javascript", "data"):
                continue
            file, anchor = target(path, address)
            followed += 1
            if not file.is_file():
                broken.append(f"{path.name}: {address}")
            elif anchor and file in pages and anchor not in pages[file].anchors:
                broken.append(f"{path.name}: {address} (no such anchor)")
    assert followed > 50 and broken == []


def test_pages_show_no_traceback_and_no_raw_reference(pages):
    for path, page in pages.items():
        assert "Traceback" not in page.text and "{glue:" not in page.text and "{cite" not in page.text, (
            path.name
        )


def test_every_page_says_which_version_it_is(pages):
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    written = {path: page for path, page in pages.items() if path.parent.name == "book"}
    assert len(written) > 5
    assert [path.name for path, page in written.items() if f"Version {version}" not in page.text] == []


def test_each_script_appears_once_per_page(pages):
    for path, page in pages.items():
        assert page.text.count("const THEBE_JS_URL") <= 1, path.name


HEAVIEST = 2e6  # bytes of a page and all that it loads, its figures aside
ICONS = """
return [...document.querySelectorAll('i[class*="fa-"], svg[data-icon]')]
  .filter(icon => !icon.querySelector('path[d]:not([d=""])') || icon.querySelector('.missing'))
  .map(icon => icon.getAttribute('data-icon') ?? icon.className)"""

CONTRAST = """
const linear = v => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4;
const light = c => {const [r, g, b] = c.map(v => linear(v / 255));
                    return .2126 * r + .7152 * g + .0722 * b};
const parse = s => (s.match(/[\\d.]+/g) || [0, 0, 0, 0]).map(Number);
const behind = e => {for (; e; e = e.parentElement) {const c = parse(getComputedStyle(e).backgroundColor);
                     if (c.length < 4 || c[3] > .5) return c.slice(0, 3)} return [255, 255, 255]};
const low = [];
const words = 'article p, article li, article td, article th, article h1, article h2, td b, td small';
for (const e of document.querySelectorAll(words)) {
  if (!e.innerText || !e.offsetParent) continue;
  const [a, b] = [light(parse(getComputedStyle(e).color).slice(0, 3)), light(behind(e))];
  const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
  if (ratio < 4.5) low.push(ratio.toFixed(2) + ' ' + e.innerText.slice(0, 40));
}
return low"""


def requested(browser) -> list[str]:
    """Addresses that the browser asked for since this was called last, or since a page was visited."""
    sent = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    return [
        record["params"]["request"]["url"]
        for record in sent
        if record["method"] == "Network.requestWillBeSent"
    ]


def complaints(browser, mode: str, asked: list[str]) -> list[str]:
    """What is wrong with the page on the screen, and with the requests for it."""
    ask = browser.execute_script
    found = [f"request: {url}" for url in asked if not url.startswith(("file:", "data:", "blob:"))]
    found += [
        f"console: {entry['message']}" for entry in browser.get_log("browser") if entry["level"] == "SEVERE"
    ]
    found += [
        f"image: {url}"
        for url in ask("return [...document.images].filter(i => !i.naturalWidth).map(i => i.src)")
    ]
    found += ["formula: an error"] * ask("return document.querySelectorAll('mjx-merror').length")
    found += [f"icon: {name} is not drawn" for name in ask(ICONS)]
    found += [f"contrast: {text}" for text in ask(CONTRAST)]
    wider = ask("return document.documentElement.scrollWidth - document.documentElement.clientWidth")
    found += [f"width: {wider} px too wide"] if wider > 0 else []
    found += [] if ask("return document.documentElement.dataset.theme") == mode else [f"theme: not {mode}"]
    return found


def weight(asked: list[str]) -> int:
    """Bytes of what was asked for, without pictures."""
    files = {Path(unquote(urlsplit(url).path)) for url in asked if url.startswith("file:")}
    return sum(file.stat().st_size for file in files if "_images" not in file.parts)


# of a page and of the next; one ends in the mode in which the other is loaded, which saves loading it twice
LOOKS = (
    (("light", 1280), ("light", 390), ("dark", 390), ("dark", 1280)),
    (("dark", 390), ("dark", 1280), ("light", 1280), ("light", 390)),
)


@pytest.mark.timeout(900)
@pytest.mark.parametrize("half", [0, 1])
def test_a_browser_without_network_shows_every_page(html, browser, half):
    """Light and dark, on a desktop and on a phone: loaded as one of the four, then changed to the others."""
    formulas, figures = {}, 0
    for number, path in enumerate(sorted((html / "book").rglob("*.html"))[half::2]):
        looks = LOOKS[number % 2]
        visit(browser, path.as_uri(), *looks[0])
        loaded = weight(asked := requested(browser))
        assert 5e5 < loaded <= HEAVIEST, f"{path.name} weighs {loaded / 1e6:.2f} MB"
        for mode, width in looks:
            switch(browser, mode)
            resize(browser, width)
            where = f"{path.name}, {mode}, at {width}"
            assert complaints(browser, mode, asked + requested(browser)) == [], where
            asked = []
            assert wrong_figures(browser, width) == [], where
            assert browser.execute_script("return innerWidth") == width
        assert violations(browser)[:5] == [], where
        figures += len(figures_on_screen(browser))
        formulas[path.stem] = browser.execute_script(
            "return document.querySelectorAll('mjx-container').length"
        )
    assert sum(count > 20 for count in formulas.values()) >= 5 and figures > 20


def test_figures_fit_a_window_between_phone_and_desktop(html, browser):
    visit(browser, (html / "book" / "two_layer_theorem.html").as_uri(), "light", 1024)
    assert wrong_figures(browser, 1024) == [] and len(figures_on_screen(browser)) > 5


REACHED = """
return [...document.querySelectorAll('div.cell_output > .output')]
  .map(box => [box.scrollWidth > box.clientWidth, box.tabIndex >= 0])"""


def test_the_keyboard_reaches_what_scrolls_whatever_makes_it_scroll(html, browser):
    """A page may get narrower without its window: the contents beside it slide in after that was resized."""
    visit(browser, (html / "book" / "finite_data.html").as_uri(), "light", 1280)
    counts = []
    for width in ("", "300px", ""):
        browser.execute_script(f"document.querySelector('article').style.width = '{width}'")
        resize(browser, 1280)  # to what it is: waits for the layout alone
        boxes = browser.execute_script(REACHED)
        assert [scrolls for scrolls, reached in boxes] == [reached for scrolls, reached in boxes]
        counts.append(sum(scrolls for scrolls, _ in boxes))
    assert counts[0] == counts[2] < counts[1]


def test_the_browser_sees_a_bad_page(browser, tmp_path):
    (tmp_path / "bad.html").write_text(
        "<html data-theme=light><body><article><p style='color:#aaa;width:5000px'>pale</p></article>"
        "<img src=missing.png><script src=https://example.org/x.js></script><mjx-merror></mjx-merror>"
        "<i class='fa-solid fa-no-such'></i><script>no.such.thing</script></body></html>"
    )
    visit(browser, (tmp_path / "bad.html").as_uri(), "dark", 1280)
    kinds = {line.split(":")[0] for line in complaints(browser, "dark", requested(browser))}
    rules = {line.split(": ")[1] for line in violations(browser)}
    assert rules >= {"image-alt", "color-contrast", "document-title"}
    assert kinds == {"request", "console", "image", "formula", "icon", "contrast", "width", "theme"}


def sections(page: Page) -> list[tuple[str, str]]:
    """Anchors and titles of the sections of a page, those that are words only."""
    section = r'<section[^>]* id="([^"]+)">\s*(?:<span id="[^"]*"></span>)*'
    number = r'(?:<span class="section-number">.*?</span>)?'
    found = re.findall(rf"{section}<h2>{number}(.*?)<a", page.text)
    return [(anchor, unescape(title)) for anchor, title in found if re.fullmatch(r"[A-Z][A-Za-z ,]+", title)]


def rare_words(pages: dict[Path, Page]) -> list[tuple[str, Path]]:
    """Words of the text that stand on one page only."""
    where: dict[str, list[Path]] = {}
    for path, page in pages.items():
        article = page.text.partition("<article")[2].partition("</article>")[0]
        article = re.sub(r"<(pre|script|style|table)\b.*?</\1>", " ", article, flags=re.DOTALL)
        for word in {*re.findall(r"(?<![\w-])[a-z]{9,}(?![\w-])", re.sub(r"<[^>]*>", " ", article))}:
            where.setdefault(word, []).append(path)
    return [(word, paths[0]) for word, paths in sorted(where.items()) if len(paths) == 1]


def test_search_finds_titles_and_words_without_a_server(html, browser, pages):
    """The address of a section for its title, of a page for a word that only it has."""
    from selenium.webdriver.support.ui import WebDriverWait

    own = {path: page for path, page in pages.items() if path.parent.name == "book"}
    every = [(path, *section) for path, page in own.items() for section in sections(page)]
    named = Counter(title for *_, title in every)
    titles = [(path, anchor, title) for path, anchor, title in every if named[title] == 1]
    words = rare_words(own)
    assert len(titles) >= 10 and len(words) >= 10
    asked = [(title, f"{path.name}#{anchor}") for path, anchor, title in titles[:: len(titles) // 10][:10]]
    asked += [(word, path.name) for word, path in words[:: len(words) // 10][:10]]
    found = "return [...document.querySelectorAll('#search-results li a')].map(a => a.href)"
    for text, wanted in asked:
        browser.get(f"{(html / 'search.html').as_uri()}?q={quote(text)}")
        arrived = lambda driver: any(wanted in url for url in driver.execute_script(found))
        WebDriverWait(browser, 20, 0.05).until(arrived, f"{text!r} does not lead to {wanted}")
