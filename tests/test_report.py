from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from shapely import box

from geomerge.findings import Finding
from geomerge.maps import change_map, figure_svg
from geomerge.palette import CHANGES
from geomerge.report import number, page, square_km

VOID = frozenset(["meta", "input", "br", "link", "img"])
EVIL = "<script>alert('Bø')</script>"


class Reader(HTMLParser):
    """Reads a page strictly: every element is closed in its order; keeps elements and texts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[tuple[str, ...], str]] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.texts.append((tuple(self.open), data.strip()))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]

    def inside(self, tag: str) -> list[str]:
        return [text for path, text in self.texts if tag in path]


def drawn() -> str:
    rows = {"code": ["01"], "name": [EVIL], "change": ["merged"]}
    units = gpd.GeoDataFrame(rows, geometry=[box(0, 0, 9000, 9000)], crs=25833)
    lines = gpd.GeoDataFrame({"status": ["kept"]}, geometry=[units.geometry[0].exterior], crs=25833)
    return figure_svg(change_map(units, units, lines))


@pytest.fixture
def parts() -> dict[str, Any]:
    area = pd.DataFrame(
        {"old_code": ["0101", "0102"], "new_code": ["0103", "0103"], "area_m2": [1_234_567_891.0, 9_000.0]}
    )
    moved = {"rows": [1_234_567], "moved": [12], "by code": [7], "by place": [5], "review": [0]}
    layers = pd.DataFrame({"layer": ["parcels"], **moved})
    units = pd.DataFrame(
        {
            "code": ["0200", "0103", "0104"],
            "name": ["Still", "Ås", "Bø"],
            "change": ["unchanged", "renumbered", "merged"],
            "predecessors": ["0200", "0100", "0101 0102"],
            "area": [1e6, 2e6, np.nan],
        }
    )
    manifest = {
        "geomerge": "0.1.0",
        "seconds": 1.5,
        "inputs": [{"path": "units.gpkg", "sha256": "ab" * 32, "rows": 4321}, {"path": "parcels.gpkg"}],
        "versions": {"python": "3.11.2", "geos": "3.13"},
        "outputs": {"units": {"rows": 3, "fields": ["code", "name"]}},
    }
    return {
        "title": "Ås and Bø",
        "date": "2020-01-01",
        "sentences": ["Ås becomes 0103."],
        "summary": [("units after", "3")],
        "figures": {"Before and after": drawn()},
        "area": area,
        "layers": layers,
        "units": units,
        "findings": [],
        "manifest": manifest,
    }


def empty() -> dict[str, Any]:
    nothing = pd.DataFrame()
    tables = {"area": nothing, "layers": nothing, "units": nothing}
    rest = {"sentences": [], "summary": [], "figures": {}, "findings": [], "manifest": {}}
    return {"title": "Nothing", "date": "2020-01-01", **tables, **rest}


def test_every_section_is_there(parts: dict[str, Any]) -> None:
    reader = Reader(page(**parts))
    assert reader.inside("h1") == ["Ås and Bø"]
    assert reader.inside("h2") == [
        "What was decided",
        "Map",
        "New units",
        "Area ledger",
        "Layers",
        "Findings",
        "Provenance",
    ]
    assert reader.all("html") == [{"lang": "en"}]


def test_ids_are_unique_and_links_lead_somewhere(parts: dict[str, Any]) -> None:
    parts["figures"] = {"Before": drawn(), "After": drawn()}
    text = page(**parts)
    reader = Reader(text)
    ids = [attributes["id"] for _, attributes in reader.elements if "id" in attributes]
    assert len(set(ids)) == len(ids)
    named = {one[key] for _, one in reader.elements for key in ("aria-labelledby", "for") if key in one}
    linked = {str(attributes["href"])[1:] for attributes in reader.all("a")}
    assert named | linked | set(re.findall(r"url\(#([^)]+)\)", text)) <= set(ids)


def test_the_page_needs_no_network_and_no_script(parts: dict[str, Any]) -> None:
    text = page(**parts)
    assert re.search(r"<script|<link|<iframe|@import|https?:|\bon\w+=", text) is None


def test_names_are_data(parts: dict[str, Any]) -> None:
    parts["title"] = parts["date"] = parts["sentences"][0] = EVIL
    parts["summary"] = [(EVIL, EVIL)]
    parts["figures"] = {EVIL: drawn(), 'A "second"': drawn()}
    parts["findings"] = [Finding("must", EVIL, EVIL, EVIL, EVIL)]
    parts["units"].loc[1, ["name", "change"]] = EVIL
    parts["area"].loc[0, "old_code"] = EVIL
    parts["layers"] = parts["layers"].rename(columns={"moved": EVIL}).assign(layer=EVIL)
    parts["manifest"] = {EVIL: EVIL, "inputs": [{EVIL: EVIL}], "more": {EVIL: {EVIL: [EVIL]}}}
    text = page(**parts)
    assert "<script" not in text
    reader = Reader(text)
    assert sum(EVIL in shown for _, shown in reader.texts) > 15
    assert [one["aria-label"] for one in reader.all("svg")] == [EVIL, 'A "second"']


def test_tables_say_what_they_are(parts: dict[str, Any]) -> None:
    reader = Reader(page(**parts))
    assert len(reader.all("caption")) == len(reader.all("table")) == 8
    assert {heading.get("scope") for heading in reader.all("th")} == {"col", "row"}
    assert all(region["tabindex"] == "0" for region in reader.all("div") if region.get("role") == "region")


def test_changed_units_come_first_and_the_others_are_folded(parts: dict[str, Any]) -> None:
    reader = Reader(page(**parts))
    codes = [text for path, text in reader.texts if "code" in path and "th" in path]
    assert codes[:3] == ["0104", "0103", "0200"]
    assert "0200" in reader.inside("details")
    assert "0103" not in reader.inside("details")
    assert CHANGES["merged"].text in reader.inside("td")
    assert "\u2013" in reader.inside("td")


def test_the_area_ledger_has_totals(parts: dict[str, Any]) -> None:
    reader = Reader(page(**parts))
    assert reader.inside("tfoot") == ["Total", "1\u202f234.577"]
    assert "0.009" in reader.inside("td")
    parts["area"] = pd.concat([parts["area"]] * 20, ignore_index=True)
    reader = Reader(page(**parts))
    assert "0101" in reader.inside("details")
    assert "24\u202f691.538" in [text for path, text in reader.texts if "strong" in path]


def test_layers_are_counted(parts: dict[str, Any]) -> None:
    cells = Reader(page(**parts)).inside("td")
    place = cells.index("1\u202f234\u202f567")
    assert cells[place : place + 5] == ["1\u202f234\u202f567", "12", "7", "5", "0"]


def test_without_findings_the_page_is_glad(parts: dict[str, Any]) -> None:
    text = page(**parts)
    assert "Nothing to report" in text
    assert Reader(text).inside("header")[3] == "Every check passed."


def test_what_blocks_comes_first(parts: dict[str, Any]) -> None:
    parts["findings"] = [
        Finding("should", "sliver", "A piece is narrow", "piece 7", "Look at it."),
        Finding("must", "unknown code", "No unit has the code 706", "event 2", "Write 0706."),
    ]
    reader = Reader(page(**parts))
    assert reader.inside("li")[-16:] == [
        *("Must", "No unit has the code 706", "Check", "unknown code"),
        *("Where", "event 2", "Remedy", "Write 0706."),
        *("Should", "A piece is narrow", "Check", "sliver"),
        *("Where", "piece 7", "Remedy", "Look at it."),
    ]
    assert "1 finding forbids" in page(**parts)
    parts["findings"] = parts["findings"][:1] * 2
    assert "2 findings deserve a look" in page(**parts)


def test_many_warnings_are_folded(parts: dict[str, Any]) -> None:
    parts["findings"] = [Finding("should", "sliver", f"Piece {i} is narrow") for i in range(21)]
    assert "Piece 20 is narrow" in Reader(page(**parts)).inside("details")


def test_several_figures_share_one_place(parts: dict[str, Any]) -> None:
    parts["figures"] = {"Before": drawn(), "After": drawn()}
    text = page(**parts)
    reader = Reader(text)
    assert [one.get("checked", "no") for one in reader.all("input")] == [None, "no"]
    assert reader.inside("label") == ["Before", "After"]
    assert "#show2:checked ~ #place2" in text


def test_the_figure_stands_inside_the_page(parts: dict[str, Any]) -> None:
    text = page(**parts)
    assert "<?xml" not in text
    assert text.count("<!DOCTYPE") == 1
    (svg,) = Reader(text).all("svg")
    assert svg["role"] == "img"
    assert svg["aria-label"] == "Before and after"
    assert "width" not in svg
    assert svg["viewbox"]


def test_provenance_shows_all_of_the_manifest(parts: dict[str, Any]) -> None:
    texts = [text for _, text in Reader(page(**parts)).texts]
    for shown in ("0.1.0", "1.500", "units.gpkg", "ab" * 32, "4\u202f321", "3.11.2", "code, name", "Inputs"):
        assert shown in texts


def test_an_empty_run_has_a_page() -> None:
    reader = Reader(page(**empty()))
    assert "No unit changes." in reader.inside("p")
    assert reader.all("table") == []


def test_the_same_input_gives_the_same_page_and_stays_as_it_is(parts: dict[str, Any]) -> None:
    before = parts["units"].copy(deep=True)
    assert page(**parts) == page(**parts)
    pd.testing.assert_frame_equal(parts["units"], before)


def test_units_may_carry_geometry(parts: dict[str, Any]) -> None:
    parts["units"] = gpd.GeoDataFrame(parts["units"], geometry=[box(0, 0, 1, 1)] * 3)
    assert "POLYGON" not in page(**parts)


def test_the_page_is_small(parts: dict[str, Any]) -> None:
    assert len(page(**parts)) < 60_000


@pytest.mark.parametrize(
    ("value", "decimals", "text"),
    [
        (0, 0, "0"),
        (999, 0, "999"),
        (1234, 0, "1\u202f234"),
        (-1234567.891, 2, "\u22121\u202f234\u202f567.89"),
        (-0.0001, 3, "0.000"),
        (float("nan"), 0, "\u2013"),
    ],
)
def test_numbers_have_thin_spaces(value: float, decimals: int, text: str) -> None:
    assert number(value, decimals) == text


def test_areas_are_square_kilometres() -> None:
    assert square_km(1_234_567_890.0) == "1\u202f234.568"
