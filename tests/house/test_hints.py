"""Formulas say what their symbols mean: by keyboard and pointer, inside the window, on every page."""

import json
import re

import pytest

from tests.browsing import visit

FOCUS = """
const formula = document.querySelectorAll('.symbols[tabindex]')[arguments[0]];
formula.scrollIntoView({block: 'center', behavior: 'instant'});
formula.focus({preventScroll: true});
return [formula.dataset.meanings.split(' ').length, !!formula.querySelector('mjx-container')]"""
HINT = """
const hint = document.getElementById('hint'), at = hint.getBoundingClientRect();
return {shown: !hint.hidden, lines: hint.querySelectorAll("p").length,
        drawn: !hint.textContent.includes('\\\\('),
        formulas: hint.querySelectorAll('mjx-container').length, words: hint.textContent,
        inside: at.left >= 0 && at.right <= innerWidth && at.top >= 0 && at.bottom <= innerHeight,
        described: document.activeElement.getAttribute('aria-describedby')}"""


@pytest.mark.parametrize("mode, width", [("light", 390), ("dark", 1280)])
def test_focus_shows_what_symbols_mean_and_escape_hides_it(html, browser, mode, width):
    from selenium.webdriver import ActionChains
    from selenium.webdriver.common.keys import Keys
    from selenium.webdriver.support.ui import WebDriverWait

    visit(browser, (html / "book" / "two_layer_theorem.html").as_uri(), mode, width)
    reachable = browser.execute_script("return document.querySelectorAll('.symbols[tabindex]').length")
    assert 5 < reachable < browser.execute_script("return document.querySelectorAll('.symbols').length")
    for place in (0, reachable // 2, reachable - 1):
        lines, symbols = browser.execute_script(FOCUS, place)
        # figures that are drawn late may move the formula away
        WebDriverWait(browser, 30, 0.05).until(
            lambda driver: (
                driver.execute_script(FOCUS, place)
                and (found := driver.execute_script(HINT))["drawn"]
                and found["inside"]
            )
        )
        hint = browser.execute_script(HINT)
        assert hint["shown"] and hint["lines"] == lines and hint["formulas"] >= lines * symbols
        assert hint["described"] == "hint" and "{ref}" not in hint["words"]
    ActionChains(browser).send_keys(Keys.ESCAPE).perform()
    assert not browser.execute_script(HINT)["shown"]


def test_every_formula_with_known_symbols_has_its_meanings_on_its_page(html):
    counted = {}
    for page in sorted((html / "book").glob("*.html")):
        text = page.read_text()
        numbers = [int(n) for found in re.findall(r'data-meanings="([\d ]+)"', text) for n in found.split()]
        counted[page.stem] = len(numbers)
        if numbers:
            meanings = json.loads(
                re.search(r'<script type="application/json" id="meanings">(.*?)</script>', text)[1]
            )
            assert set(numbers) == set(range(len(meanings)))
            assert [words for words in meanings if "{" in re.sub(r"\\\(.*?\\\)", "", words)] == []
    assert counted["notation"] == 0 and sum(count > 5 for count in counted.values()) >= 10


def test_a_term_is_explained_where_a_text_has_it_first(html):
    text = (html / "book" / "two_layer_theorem.html").read_text()
    meanings = json.loads(re.search(r'id="meanings">(.*?)</script>', text)[1])
    terms = [n for n, words in enumerate(meanings) if re.match("(specialized|boundary|fan-out): ", words)]
    assert len(terms) == 3
    for number in terms:
        (word,) = re.findall(rf'data-meanings="{number}" data-new>([a-z-]+)</span>', text)
        assert text.index(f">{word}</span>") > text.index("</h1>")


def test_a_letter_means_what_its_chapter_says(html):
    said = {}
    for name in ("two_layer_theorem", "quadratic_networks", "catalyst_dynamics"):
        text = (html / "book" / f"{name}.html").read_text()
        said[name] = json.loads(re.search(r'id="meanings">(.*?)</script>', text)[1])
    of_p = {
        name: next(w for w in lines if re.search(r"\\\(p\\\)", w.split(":")[0]))
        for name, lines in said.items()
    }
    assert len(set(of_p.values())) == 3
