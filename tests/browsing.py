"""A browser as the tests use it."""


def visit(browser, address: str, mode: str, width: int) -> None:
    """Open a page in light or dark mode at a width; all pictures are loaded and all formulas drawn."""
    from selenium.webdriver.support.ui import WebDriverWait

    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600},
    )
    browser.get(address)
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
    WebDriverWait(browser, 30).until(lambda driver: driver.execute_script(drawn))
    WebDriverWait(browser, 30).until(
        lambda driver: driver.execute_script("return [...document.images].every(i => i.complete)")
    )
