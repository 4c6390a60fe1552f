"""The page in a real browser: nothing to complain about, nothing fetched, nothing cut off on a phone or on paper."""

from __future__ import annotations

import base64
import dataclasses
import json
import shutil

import pytest
from report_helpers import tiny_frames, tiny_image

import neuroproc
from neuroproc.report.style import PAPER

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
HOSTILE = '"><script>document.title = "taken over"</script>' + "\u202elong" * 60
WIDTHS = (390, 768, 1280)
PAPER_WIDTH = 688
"""Of A4 within its margins, px."""


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    """Chromium, driven by selenium; with what its console says and what its network does."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed; pip install '.[test]'")
    program, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not program or not driver:
        pytest.skip("chromium and chromedriver are not installed")
    options = webdriver.ChromeOptions()
    options.binary_location = program
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    chrome = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    yield chrome
    chrome.quit()


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """Pages as files, by name."""
    folder = tmp_path_factory.mktemp("pages")
    image = tiny_image()
    result = neuroproc.classify(image, *tiny_frames(), engine="reference", threads=1)
    layers = tuple(dataclasses.replace(record, name=HOSTILE, kind=HOSTILE) for record in image.layers)
    neuroproc.write_report(folder / "folded.html", image, result, name="folded")
    neuroproc.write_report(folder / "whole.html", tiny_image((4, 6)), name="whole")
    hostile = dataclasses.replace(image, layers=layers, source_digest=HOSTILE)
    neuroproc.write_report(folder / "hostile.html", hostile, result, name=HOSTILE)
    return folder


def show(browser, page, width, scheme="light", media="screen"):
    """Open a page at a width."""
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": media, "features": features})
    metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    browser.get(page.as_uri())


@pytest.mark.parametrize("name", ["folded", "whole", "hostile"])
def test_a_browser_has_nothing_to_complain_about(browser, pages, name):
    browser.get("about:blank")
    for kind in ("browser", "performance"):
        # What came before is not the page's.
        browser.get_log(kind)
    for width in WIDTHS:
        show(browser, pages / f"{name}.html", width)
        size = browser.execute_script("return [document.documentElement.scrollWidth, innerWidth]")
        assert size[0] <= size[1] == width
        hidden = browser.execute_script(
            "return [...document.querySelectorAll('h1, h2, h3')].filter(h => { const r = h.getBoundingClientRect();"
            " return !(r.height > 0 && r.left >= 0 && r.right <= innerWidth); }).map(h => h.textContent)"
        )
        assert hidden == []
        # What is wider than the page scrolls inside its own box.
        outside = browser.execute_script(
            "return [...document.querySelectorAll('main *')].filter(e => !e.closest('.scroll, svg, .unseen') &&"
            " e.getBoundingClientRect().right > innerWidth + 0.5).map(e => e.outerHTML.slice(0, 99))"
        )
        assert outside == []
    assert browser.title != "taken over"
    assert browser.get_log("browser") == []
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = {event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"}
    assert asked <= {(pages / f"{name}.html").as_uri(), "data:,"}
    assert (pages / f"{name}.html").as_uri() in asked


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_follows_the_reader_into_the_dark(browser, pages, scheme):
    show(browser, pages / "folded.html", 1280, scheme)
    found = browser.execute_script("return getComputedStyle(document.body).backgroundColor")
    assert found == f"rgb({', '.join(str(int(PAPER[scheme][at : at + 2], 16)) for at in (1, 3, 5))})"


@pytest.mark.parametrize("name", ["folded", "hostile"])
def test_it_can_be_printed(browser, pages, name):
    """In light, whatever the screen has, and with no table cut at the edge of the paper."""
    show(browser, pages / f"{name}.html", PAPER_WIDTH, "dark", media="print")
    body, cut = browser.execute_script(
        "return [getComputedStyle(document.body).backgroundColor, [...document.querySelectorAll('table, svg, p, dl')]"
        ".filter(e => e.getBoundingClientRect().right > innerWidth + 0.5).map(e => e.outerHTML.slice(0, 99))]"
    )
    assert body == "rgb(255, 255, 255)"
    assert cut == []
    printed = base64.b64decode(browser.execute_cdp_cmd("Page.printToPDF", {"preferCSSPageSize": True})["data"])
    assert printed.startswith(b"%PDF-")
    assert printed.count(b"/Type /Page\n") >= 2
