"""The page in a real browser with its network cut off: what people see, click, type and print."""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import pytest
import shapely

from geomerge.edges import boundary_lines
from geomerge.findings import Finding
from geomerge.maps import change_map, figure_svg
from geomerge.page import Content, page
from geomerge.results import fates_of

pytestmark = pytest.mark.real

EVILS = ("<script>document.title='evil'</script>", '"><img src=x onerror="document.title=\'evil\'">')
FINGER = 5  # the finding's place in the drawing, in metres


@pytest.fixture(scope="module")
def content(drawn: Any) -> Content:
    """Six units in two rows; two merge, one is renumbered, two have names that try to be markup."""
    codes = dict(zip("ABCDEF", ("0101", "0102", "0103", "0104", "0105", "0106"), strict=True))
    units = drawn("AABC", "ADEF", codes=codes)
    units["name"] = ["Ås", "Bø", "Cåven", "Dælen", *EVILS]
    events = ({"merge": ["0101", "0102"], "into": "0110"}, {"renumber": "0103", "to": "0111"})
    cut, new, _ = drawn.change(units, *events)
    names = dict(zip(units["code"], units["name"], strict=True)) | {"0110": "Ås", "0111": "Cåven"}
    new["name"] = new["code"].map(names)
    before = fates_of(units, cut, new, code="code", name="name").assign(area=units.area)
    after = new.assign(area=new.area)[["code", "name", "change", "predecessors", "area"]]
    findings = [
        Finding("should", "sliver", "A piece is narrow", "piece 7", "Look.", shapely.Point(FINGER, FINGER)),
        Finding("should", "review", EVILS[1]),
    ]
    return Content(
        title="Ås and Bø",
        date="2020-01-01",
        run="0123456789abcdef",
        sentences=["0101 and 0102 merge into 0110."],
        counts={},
        pieces=cut,
        before=pd.DataFrame(before.drop(columns="geometry")),
        after=after.reset_index(drop=True),
        area=pd.DataFrame({"old_code": ["0101"], "new_code": ["0110"], "area_m2": [300.0]}),
        layers=pd.DataFrame({"layer": [EVILS[0]], "rows": [7]}),
        findings=findings,
        manifest={"inputs": [{"path": f"{i}.gpkg", "sha256": "ab" * 32} for i in range(30)]},
        figure=figure_svg(change_map(before, gpd.GeoDataFrame(new), boundary_lines(cut))),
    )


class Sheet:
    """A page in the browser, and what a person can do with it."""

    def __init__(self, browser: Any, path: Path) -> None:
        self.browser = browser
        browser.get(path.as_uri())
        self.wait("return document.documentElement.dataset.ready === 'yes'")

    def run(self, script: str, *values: Any) -> Any:
        return self.browser.execute_script(script, *values)

    def wait(self, script: str) -> None:
        until = time.monotonic() + 10
        while not self.run(script):
            assert time.monotonic() < until, f"never true: {script}"
            time.sleep(0.02)

    def text(self, name: str) -> str:
        return str(self.run("return document.getElementById(arguments[0]).textContent", name))

    def range(self) -> list[float]:
        plot = "const p = Bokeh.documents[0].get_model_by_name('map');"
        found = self.run(f"{plot} return [p.x_range.start, p.y_range.start, p.x_range.end, p.y_range.end]")
        return [float(value) for value in found]

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Return where a place in metres is in the window."""
        west, south, east, north = self.range()
        metre = self.run("return JSON.parse(document.getElementById('map-data').textContent).metre")
        box = self.run(
            "const b = document.getElementById('canvas').getBoundingClientRect(); return [b.x, b.y, b.width, b.height]"
        )
        right, up = (x * metre - west) / (east - west), (y * metre - south) / (north - south)
        return box[0] + right * box[2], box[1] + (1 - up) * box[3]

    def mouse(self, kind: str, x: float, y: float) -> None:
        left, top = self.at(x, y)
        press = {} if kind == "mouseMoved" else {"button": "left", "clickCount": 1}
        self.browser.execute_cdp_cmd("Input.dispatchMouseEvent", {"type": kind, "x": left, "y": top, **press})

    def press(self, name: str, *keys: str) -> None:
        from selenium.webdriver.common.by import By

        self.browser.find_element(By.ID, name).send_keys(*keys)

    def emulate(self, **features: str) -> None:
        chosen = [{"name": name.replace("_", "-"), "value": value} for name, value in features.items()]
        self.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": chosen})

    def pixel(self, x: float, y: float) -> list[int]:
        """Return the colour that is drawn at a place."""
        left, top = self.at(x, y)
        clip = {"x": left - 2, "y": top - 2, "width": 4, "height": 4, "scale": 1}
        shot = self.browser.execute_cdp_cmd("Page.captureScreenshot", {"clip": clip})
        from matplotlib.image import imread

        path = Path(self.browser.folder) / "pixel.png"
        path.write_bytes(base64.b64decode(shot["data"]))
        return [round(float(value) * 255) for value in imread(path)[2, 2, :3]]


@pytest.fixture(scope="module")
def browser(real_program: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Start Chromium without a network."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = real_program("chromium")
    quiet = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage")
    for argument in (*quiet, "--window-size=1200,900", "--host-resolver-rules=MAP * ~NOTFOUND"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    found = webdriver.Chrome(options, Service(real_program("chromedriver")))
    found.folder = str(tmp_path_factory.mktemp("browser"))
    found.execute_cdp_cmd("Network.enable", {})
    everywhere = {"offline": True, "latency": 0, "downloadThroughput": 0, "uploadThroughput": 0}
    found.execute_cdp_cmd("Network.emulateNetworkConditions", everywhere)
    yield found
    found.quit()


@pytest.fixture(scope="module")
def file(content: Content, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(page(content), encoding="utf-8")
    return path


@pytest.fixture
def sheet(browser: Any, file: Path) -> Iterator[Sheet]:
    """Open the page anew, without motion; afterwards nothing may have been complained about."""
    browser.get_log("browser")
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    browser.execute_cdp_cmd(
        "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-reduced-motion", "value": "reduce"}]}
    )
    found = Sheet(browser, file)
    found.run("document.getElementById('atlas').scrollIntoView({behavior: 'instant'})")
    yield found
    complaints = [one["message"] for one in browser.get_log("browser") if one["level"] in ("SEVERE", "WARNING")]
    assert complaints == []
    assert browser.title == "Ås and Bø"


def test_hover_tells_what_happens_to_a_unit(sheet: Sheet) -> None:
    sheet.mouse("mouseMoved", 25, 15)  # Bø, now part of Ås
    assert not sheet.run("return document.getElementById('tip').hidden")
    assert sheet.text("tip") == "0110 ÅsChangeMerger of unitsComes from0101 Ås, 0102 BøArea0.000 km²"
    sheet.mouse("mouseMoved", -100, -100)
    assert sheet.run("return document.getElementById('tip').hidden")


def test_a_click_chooses_a_unit_and_the_toggle_keeps_it_in_sight(sheet: Sheet) -> None:
    for kind in ("mousePressed", "mouseReleased"):
        sheet.mouse(kind, 35, 15)
    assert sheet.text("unit").startswith("0111 Cåven")
    sheet.press("show-before", "\n")
    assert sheet.run("return document.getElementById('show-before').getAttribute('aria-pressed')") == "true"
    assert sheet.text("unit").startswith("0103 Cåven")
    assert "Becomes0111 Cåven" in sheet.text("unit")
    assert sheet.text("told") == "Before"


def test_before_and_after_look_different(sheet: Sheet) -> None:
    removed = (
        "return Bokeh.documents[0].get_model_by_name('map').renderers.find((r) => r.name === 'removed_lines').visible"
    )
    assert not sheet.run(removed)
    sheet.press("canvas", "b")
    assert sheet.run(removed)
    sheet.wait("return Bokeh.documents[0].get_model_by_name('units').data.xs.length === 6")


@pytest.mark.parametrize(("wanted", "found"), [("0111", "0111 Cåven"), ("dael", "0104 Dælen"), ("0102", "0102 Bø")])
def test_search_zooms_and_chooses(sheet: Sheet, wanted: str, found: str) -> None:
    before = sheet.range()
    sheet.press("search", wanted)
    assert sheet.run("return document.getElementById('search').getAttribute('aria-expanded')") == "true"
    assert re.fullmatch(r"\d found", sheet.text("told"))
    sheet.press("search", "\n")
    assert sheet.text("unit").startswith(found)
    assert sheet.text("told").startswith(f"{found} is shown")
    after = sheet.range()
    assert after[2] - after[0] < before[2] - before[0]
    assert sheet.run("return Bokeh.documents[0].get_model_by_name('chosen').data.xs.length") == 1


def test_search_says_when_there_is_nothing(sheet: Sheet) -> None:
    sheet.press("search", "nowhere")
    assert sheet.text("told") == "Nothing found"
    assert sheet.run("return document.getElementById('hits').hidden")


def test_a_finding_leads_to_its_place_and_back(sheet: Sheet) -> None:
    sheet.run("document.querySelector('button.place').focus()")
    sheet.browser.switch_to.active_element.send_keys("\n")
    west, south, east, north = sheet.range()
    metre = sheet.run("return JSON.parse(document.getElementById('map-data').textContent).metre")
    assert (west + east) / 2 / metre == pytest.approx(FINGER, abs=0.1)
    assert (south + north) / 2 / metre == pytest.approx(FINGER, abs=0.1)
    assert (east - west) / metre < 2
    assert sheet.text("told") == "The place of finding 1 is shown"
    assert sheet.run("return document.activeElement.id") == "canvas"
    for kind in ("mousePressed", "mouseReleased"):
        sheet.mouse(kind, FINGER, FINGER)
    assert sheet.run("return document.querySelector('.findings .chosen').id") == "finding-1"


def test_keys_move_the_map(sheet: Sheet) -> None:
    whole = sheet.range()
    sheet.press("canvas", "\ue014")  # right
    assert sheet.range()[0] > whole[0]
    sheet.press("canvas", "+")
    assert sheet.range()[2] - sheet.range()[0] < whole[2] - whole[0]
    sheet.press("canvas", "0")
    shown = sheet.range()
    assert (shown[0] + shown[2]) / 2 == pytest.approx((whole[0] + whole[2]) / 2, rel=0.01)
    sheet.press("canvas", "b")
    assert sheet.text("told") == "Before"


def test_tables_are_sorted_and_lead_to_the_map(sheet: Sheet) -> None:
    table = "document.querySelector('#units-changed').closest('table')"
    heading = f"{table}.tHead.rows[0].cells[0]"
    codes = f"return [...{table}.tBodies[0].rows].map((row) => row.cells[0].textContent)"
    sheet.run(f"{heading}.querySelector('button').click()")
    assert sheet.run(codes) == ["0110", "0111"]
    sheet.run(f"{heading}.querySelector('button').click()")
    assert sheet.run(codes) == ["0111", "0110"]
    assert sheet.run(f"return {heading}.getAttribute('aria-sort')") == "descending"
    sheet.run("document.querySelector('button.show[data-code=\"0102\"]').click()")
    assert sheet.text("unit").startswith("0102 Bø")


def test_names_are_never_markup(sheet: Sheet) -> None:
    for evil in EVILS:
        sheet.run("document.getElementById('search').value = ''")
        sheet.press("search", evil[:12], "\n")
        assert evil in sheet.text("unit")
    sheet.mouse("mouseMoved", 25, 5)
    assert sheet.run("return [document.images.length, document.querySelectorAll('main script').length]") == [1, 0]
    assert sheet.browser.title == "Ås and Bø"


def test_the_map_is_dark_by_night(sheet: Sheet) -> None:
    light = sheet.pixel(36, 2)
    sheet.emulate(prefers_color_scheme="dark", prefers_reduced_motion="reduce")
    time.sleep(0.3)
    assert min(light) > 200
    assert max(sheet.pixel(36, 2)) < 80


def test_a_narrow_window_scrolls_down_only(sheet: Sheet) -> None:
    narrow = {"width": 400, "height": 800, "deviceScaleFactor": 1, "mobile": True}
    sheet.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", narrow)
    assert sheet.run("return document.documentElement.scrollWidth") == 400


def test_it_prints_on_a4_with_everything_unfolded(sheet: Sheet) -> None:
    found = sheet.browser.execute_cdp_cmd("Page.printToPDF", {"preferCSSPageSize": True})
    pdf = base64.b64decode(found["data"])
    (Path(sheet.browser.folder) / "report.pdf").write_bytes(pdf)
    assert set(re.findall(rb"/MediaBox \[0 0 (\d+)\.?\d* (\d+)\.?\d*\]", pdf)) == {(b"594", b"841")}
    assert sheet.run("return document.images[0].naturalWidth") > 0
    assert 3 <= len(re.findall(rb"/Type /Page\b(?!s)", pdf)) <= 8
    sheet.run("window.dispatchEvent(new Event('beforeprint'))")
    assert sheet.run("return document.querySelectorAll('details:not([open])').length") == 0
    sheet.run("window.dispatchEvent(new Event('afterprint'))")
    assert sheet.run("return document.querySelectorAll('details:not([open])').length") > 0


def test_it_is_there_at_once(sheet: Sheet, record_property: Callable[[str, Any], None]) -> None:
    timing = (
        "const one = performance.getEntriesByType('navigation')[0]; return [one.domContentLoadedEventEnd, one.duration]"
    )
    parsed, loaded = sheet.run(timing)
    record_property("milliseconds to DOMContentLoaded, to load", (parsed, loaded))
    assert loaded < 20_000
