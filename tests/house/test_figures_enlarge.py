"""A figure enlarges: by pointer and by keyboard, without a request, and the focus returns to where it was."""

import json

import pytest

from tests.browsing import resize, visit

OPEN = "return document.querySelectorAll('dialog.enlarged[open]').length"
SHOWN = """
const dialog = document.querySelector('dialog.enlarged'), picture = dialog.querySelector('img');
const figure = document.querySelector(arguments[0]), inside = dialog.getBoundingClientRect();
return {width: picture.getBoundingClientRect().width,
        before: figure.querySelector('img').getBoundingClientRect().width,
        same: picture.src === figure.querySelector('img').src && picture.complete, words: dialog.innerText,
        background: getComputedStyle(picture).backgroundColor, filter: getComputedStyle(picture).filter,
        reach: [inside.left, inside.right - innerWidth], wider: dialog.scrollWidth - dialog.clientWidth,
        focus: dialog.contains(document.activeElement)}"""
FIGURE = "#fig-l-shape"


def press(browser, *keys):
    from selenium.webdriver import ActionChains

    ActionChains(browser).send_keys(*keys).perform()


@pytest.mark.parametrize("mode, width", [("light", 390), ("dark", 1280)])
def test_a_click_enlarges_a_figure_and_escape_closes_it(html, browser, mode, width):
    from selenium.webdriver.common.keys import Keys

    visit(browser, (html / "book" / "two_layer_theorem.html").as_uri(), mode, width)
    for opener, key in ((".enlarge", Keys.ENTER), ("img", None)):
        browser.execute_script(f"document.querySelector('{FIGURE} {opener}').focus()")
        if key:
            press(browser, key)
        else:
            browser.execute_script(f"document.querySelector('{FIGURE} {opener}').click()")
        assert browser.execute_script(OPEN) == 1
        shown = browser.execute_script(SHOWN, FIGURE)
        assert shown["same"] and shown["focus"] and "The L-shape." in shown["words"]
        assert shown["width"] > 1.2 * shown["before"]
        assert (shown["background"], shown["filter"]) == ("rgb(255, 255, 255)", "none")
        assert shown["reach"] == [0, 0] and shown["wider"] == 0
        press(browser, Keys.ESCAPE)
        assert browser.execute_script(OPEN) == 0
        if key:
            assert browser.execute_script("return document.activeElement.className") == "enlarge"
    sent = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = [m["params"]["request"]["url"] for m in sent if m["method"] == "Network.requestWillBeSent"]
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []


def test_every_figure_can_be_enlarged_and_each_button_says_which(html, browser):
    resize(browser, 1280)
    visit(browser, (html / "book" / "two_layer_theorem.html").as_uri(), "light", 1280)
    names = browser.execute_script(
        "return [...document.querySelectorAll('figure')].map(f => f.querySelector('.enlarge')?.ariaLabel)"
    )
    assert len(names) > 5 and len(set(names)) == len(names)
    assert all(name.startswith("Enlarge Fig.\u00a01.") for name in names)
