"""A browser as the tests use it: a page in it, and what is wrong with the figures on the screen."""

from functools import cache
from pathlib import Path

SMALLEST = 12.0  # CSS pixels at the width for which a figure is drawn
ON_DESKTOP, ON_PHONE = 11.0, 9.0  # CSS pixels on the screen


def resize(browser, width: int) -> None:
    """Make the window one of a phone or of a desktop, and wait until the page in it is laid out anew."""
    from selenium.webdriver.support.ui import WebDriverWait

    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600},
    )
    frames = "requestAnimationFrame(() => requestAnimationFrame(arguments[0]))"
    still = "return document.getAnimations().length === 0"  # what slides in or out has arrived
    browser.execute_async_script(frames)
    WebDriverWait(browser, 30, 0.05).until(lambda driver: driver.execute_script(still))
    browser.execute_async_script(frames)  # in which the page notices


def switch(browser, mode: str) -> None:
    """Make a page light or dark by its own button, as a reader does."""
    ask = browser.execute_script
    for _ in range(3):  # it goes round light, dark and what the system has
        if ask("return document.documentElement.dataset.mode") == mode:
            return
        ask("document.querySelector('.theme-switch-button').click()")
    raise AssertionError(f"no button makes the page {mode}")


def visit(browser, address: str, mode: str, width: int) -> None:
    """Open a page in light or dark mode at a width; all pictures are loaded and all formulas drawn."""
    from selenium.webdriver.support.ui import WebDriverWait

    resize(browser, width)
    browser.get_log("performance"), browser.get_log("browser")
    browser.get(address)
    if browser.execute_script("return localStorage.getItem('mode')") != mode:
        browser.execute_script(
            "localStorage.setItem('mode', arguments[0]); localStorage.setItem('theme', arguments[0])", mode
        )
        browser.get_log("performance"), browser.get_log("browser")
        browser.refresh()
    browser.execute_script("window.scrollTo(0, document.body.scrollHeight)")
    drawn = (
        "return !window.MathJax || !MathJax.startup?.promise ? !document.querySelector('.math') "
        ": (MathJax.startup.promise.then(() => window.drawn = true), window.drawn === true)"
    )
    loaded = "return [...document.images].every(i => i.complete)"
    for ready in (drawn, loaded):
        WebDriverWait(browser, 30, 0.05).until(lambda driver: driver.execute_script(ready))


FIGURES = """
const smallest = arguments[0];
return [...document.querySelectorAll('figure img')].map(image => {
  const box = image.parentElement, shown = image.getBoundingClientRect(), style = getComputedStyle(image);
  const scrolls = box.scrollWidth > box.clientWidth + 1;
  const caption = image.closest('figure').querySelector('figcaption')?.getBoundingClientRect();
  return {name: image.closest('figure').id, svg: image.src.endsWith('.svg'), width: shown.width,
          filter: style.filter, caption: !caption || caption.right <= innerWidth + 1,
          ratio: shown.width / shown.height / (image.naturalWidth / image.naturalHeight),
          text: smallest * shown.width / parseFloat(style.getPropertyValue('--width') || image.naturalWidth),
          background: style.backgroundColor, inside: scrolls || shown.right <= innerWidth};
})"""


def figures_on_screen(browser) -> list[dict]:
    """Every figure of the page that the browser shows, with the size of its smallest letters."""
    return browser.execute_script(FIGURES, SMALLEST)


def wrong_figures(browser, width: int) -> list[str]:
    """What is wrong with the figures of the page on the screen."""
    least, found = ON_DESKTOP if width >= 1280 else ON_PHONE, []
    for shown in figures_on_screen(browser):
        complaints = {
            f"text of {shown['text']:.1f} pixels": shown["svg"] and shown["text"] < least,
            f"filter {shown['filter']}": shown["filter"] != "none",
            f"background {shown['background']}": shown["background"] != "rgb(255, 255, 255)",
            f"stretched by {shown['ratio']:.3f}": abs(shown["ratio"] - 1) > 0.01,
            "reaches out of the window": not shown["inside"],
            "its caption reaches out of the window": not shown["caption"],
        }
        found += [f"{shown['name']}: {words}" for words, bad in complaints.items() if bad]
    wider = browser.execute_script(
        "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
    return found + ([f"the page scrolls sideways by {wider} pixels"] if wider > 0 else [])


# Left out, else a page takes minutes: formulas of MathJax; code, whose colours are made for contrast;
# the contents, which are the same on every page.
AXE = """
const done = arguments[arguments.length - 1];
const others = [['mjx-container'], ['.highlight pre'], ['.bd-sidebar-primary']];
axe.run({exclude: others}, {resultTypes: ['violations'], elementRef: false}).then(
  ({violations}) => done(violations.filter(({impact}) => ['serious', 'critical'].includes(impact)).flatMap(
    ({id, nodes}) => nodes.map(({target, failureSummary}) => `axe: ${id}: ${target}: ${failureSummary}`))),
  error => done([`axe: ${error}`]))"""


@cache
def axe() -> str:
    """The rules of axe-core, which its makers license under the MPL 2.0."""
    return (Path(__file__).parent / "vendor" / "axe-core" / "axe.min.js").read_text()


def violations(browser) -> list[str]:
    """Serious and critical violations of the rules of axe-core on the page on the screen."""
    browser.set_script_timeout(240)
    browser.execute_script(axe())
    return browser.execute_async_script(AXE)
