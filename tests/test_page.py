"""The page as text: what it tells, in which language, and that nothing in the data is markup."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
import re
from html.parser import HTMLParser
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
import yaml

from geomerge.edges import boundary_lines
from geomerge.errors import InputError
from geomerge.findings import Finding
from geomerge.maps import change_map, figure_svg
from geomerge.page import MANY, Content, page
from geomerge.page.canvas import HATCHES, canvas
from geomerge.page.decided import decided
from geomerge.page.shapes import CORNERS, GRID, Shapes, light, map_data
from geomerge.page.texts import read_texts
from geomerge.palette import CHANGES
from geomerge.plan import Plan
from geomerge.results import fates_of

VOID = frozenset(["meta", "input", "br", "link", "img"])
EVIL = "<script>alert('Bø')</script>\u2028\"><img src=x onerror=alert(1)>"


class Reader(HTMLParser):
    """Reads a page strictly: every element is closed in its order; keeps elements and texts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[tuple[str, ...], str]] = []
        self.scripts: list[tuple[dict[str, str | None], str]] = []
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
        if self.open and self.open[-1] == "script":
            self.scripts.append((self.elements[-1][1], data))
        elif data.strip():
            self.texts.append((tuple(self.open), data.strip()))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]

    def inside(self, tag: str) -> list[str]:
        return [text for path, text in self.texts if tag in path]

    def data(self, name: str) -> Any:
        (found,) = ["".join(text for one, text in self.scripts if one.get("id") == name)]
        return json.loads(found)


@pytest.fixture
def content(drawn: Any) -> Content:
    """Aas and Bø become one, Cå is renumbered, Dæ stays."""
    units = drawn("AAB", "ACD", codes={"A": "0101", "B": "0102", "C": "0103", "D": "0104"})
    units["name"] = ["Ås", "Bø", "Cå", "Dæ"]
    events = ({"merge": ["0101", "0102"], "into": "0110", "name": "Ås"}, {"renumber": "0103", "to": "0111"})
    cut, new, _ = drawn.change(units, *events)
    before = fates_of(units, cut, new, code="code", name="name").assign(area=units.area)
    after = pd.DataFrame(
        {
            "code": new["code"],
            "name": new["code"].map({"0104": "Dæ", "0110": "Ås", "0111": "Cå"}),
            "change": new["change"],
        }
    )
    after = after.assign(predecessors=new["predecessors"], area=new.area).reset_index(drop=True)
    after["people"] = [100, np.nan, 1234.5]
    svg = figure_svg(change_map(before, new.assign(name=list(after["name"])), boundary_lines(cut)))
    return Content(
        title="Ås and Bø",
        date="2020-01-01",
        run="0123456789abcdef",
        sentences=["Ås and Bø merge into Ås."],
        counts={
            "units_before": 4,
            "units_after": 3,
            "layers": {"parcels": {"moved": 12, "review": 3}},
            "area": {"after": 1_234_567_891.0, "difference": 0.0},
        },
        pieces=cut,
        before=pd.DataFrame(before.drop(columns="geometry")),
        after=after,
        area=pd.DataFrame({"old_code": ["0101", "0102"], "new_code": "0110", "area_m2": [1_234_567_891.0, 9_000.0]}),
        layers=pd.DataFrame({"layer": ["parcels"], "rows": [1_234_567], "moved": [12], "by_code": [7], "review": [3]}),
        findings=[
            Finding("should", "sliver", "A piece is narrow", "piece 7", "Look at it.", shapely.Point(5, 5)),
            Finding("must", "unknown code", "No unit has the code 706", "event 2", "Write 0706."),
        ],
        manifest={
            "title": "Ås and Bø",
            "versions": {"python": "3.11.2"},
            "inputs": [{"path": "units.gpkg", "sha256": "ab" * 32, "bytes": 4321}],
            "tables": {"parcels": {"file": "layers/p.gpkg", "key": ["a", "b"]}},
        },
        figure=svg,
    )


def changed(content: Content, **values: Any) -> Content:
    return dataclasses.replace(content, **values)


def test_every_section_is_there_and_links_lead_somewhere(content: Content) -> None:
    text = page(content)
    reader = Reader(text)
    assert reader.inside("h1") == ["Ås and Bø"]
    assert reader.inside("h2") == [
        *("What was decided", "Map", "Units", "Area ledger", "Layers"),
        *("Findings", "Hashes and versions", "Approval"),
    ]
    ids = [attributes["id"] for _, attributes in reader.elements if "id" in attributes]
    assert len(set(ids)) == len(ids)
    keys = ("aria-labelledby", "aria-controls", "aria-describedby")
    named = {one[key] for _, one in reader.elements for key in keys if key in one}
    linked = {str(attributes["href"])[1:] for attributes in reader.all("a")}
    assert named | linked | set(re.findall(r"url\(#([^)]+)\)", text.split("<script")[0])) <= set(ids)


def test_the_page_tells_its_run_and_numbers(content: Content) -> None:
    reader = Reader(page(content))
    texts = [text for _, text in reader.texts]
    shown = ("0123456789abcdef", "1\u202f234\u202f567", "units.gpkg", "ab" * 32, "4\u202f321", "3.11.2", "a, b")
    assert [one for one in shown if one not in texts] == []
    assert reader.inside("dd")[:6] == ["4", "3", "12", "3", "1\u202f234.568 km²", "0.000 m²"]
    assert "1\u202f234.500" in texts
    assert reader.inside("tfoot") == ["Total", "1\u202f234.577"]


def test_tables_say_what_they_are_and_stand_for_the_map(content: Content) -> None:
    reader = Reader(page(content))
    assert len(reader.all("caption")) == len(reader.all("table")) == 9
    assert {heading.get("scope") for heading in reader.all("th")} == {"col", "row"}
    shown = {(one.get("data-side"), one.get("data-code")) for one in reader.all("button")}
    for side in ("before", "after"):
        drawn = {(side, unit["code"]) for unit in reader.data("map-data")[side]}
        assert drawn
        assert drawn <= shown


def test_what_blocks_comes_first_and_places_are_buttons(content: Content) -> None:
    reader = Reader(page(content))
    texts = reader.inside("li")
    first = texts.index("1 · Must")
    told = [
        "No unit has the code 706",
        "Check",
        "unknown code",
        "Where",
        "event 2",
        "Remedy",
        "Write 0706.",
        "2 · Should",
    ]
    assert texts[first + 1 : first + 9] == told
    assert reader.inside("header")[4] == "1 finding forbids to use the result."
    assert [one["data-finding"] for one in reader.all("button") if "data-finding" in one] == ["2"]
    assert [one["number"] for one in reader.data("map-data")["findings"]] == [2]


def test_registers_and_decisions_stand_where_there_are_any(content: Content) -> None:
    assert "Decisions on rows" not in page(changed(content, decisions=pd.DataFrame(), registers=None))
    decisions = pd.DataFrame(
        {"layer": ["parcels"], "id": ["7"], "decision": ["0110"], "decided_by": ["Kari"], "note": [None]}
    )
    reader = Reader(
        page(changed(content, decisions=decisions, registers=pd.DataFrame({"register": ["tax"], "rows": [5]})))
    )
    assert {"Registers", "Decisions on rows in review"} <= set(reader.inside("h2"))
    assert {"Kari", "tax", "Decided by"} <= set(reader.inside("table"))


def test_many_findings_of_a_check_are_told_as_a_number(content: Content) -> None:
    findings = [Finding("should", "corner", f"Corner {i}") for i in range(MANY + 2)]
    text = page(changed(content, findings=[*findings, Finding("should", "other", "Other")]))
    assert f"Corner {MANY - 1}" in text
    assert f"Corner {MANY + 1}" not in text
    assert "2 more stand in review.gpkg, layer findings." in text
    assert "203 findings deserve a look" in text


def test_names_are_data(content: Content) -> None:
    rows = {"before": content.before.replace("Bø", EVIL), "after": content.after.replace("Ås", EVIL)}
    tables = {"registers": pd.DataFrame({EVIL: [EVIL]}), "decisions": pd.DataFrame({"layer": [EVIL]})}
    findings = [Finding("must", EVIL, EVIL, EVIL, EVIL, shapely.Point(1, 1))]
    manifest = {EVIL: EVIL, "inputs": [{EVIL: EVIL}], "more": {EVIL: {EVIL: [EVIL]}}}
    evil = changed(
        content,
        title=EVIL,
        date=EVIL,
        run=EVIL,
        sentences=[EVIL],
        findings=findings,
        manifest=manifest,
        **rows,
        **tables,
    )
    text = page(evil)
    reader = Reader(text)
    assert len(reader.all("script")) == 4
    assert [str(one["src"])[:18] for one in reader.all("img")] == ["data:image/svg+xml"]
    assert sum(EVIL.split("\u2028")[0] in shown for _, shown in reader.texts) > 15
    assert EVIL in [unit["name"] for unit in reader.data("map-data")["after"]]
    stored = "".join(data for one, data in reader.scripts if one.get("id") == "map-data")
    assert not set("<>&\u2028\u2029") & set(stored)


def test_only_its_own_scripts_may_run_and_nothing_is_fetched(content: Content) -> None:
    reader = Reader(page(content))
    (policy,) = [one["content"] for one in reader.all("meta") if "http-equiv" in one]
    assert policy is not None
    assert policy.startswith("default-src 'none'")
    for attributes, script in reader.scripts:
        if "type" not in attributes:
            digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
            assert f"'sha256-{digest}'" in policy
    assert reader.all("link") == []
    assert [one for _, one in reader.elements if {"onclick", "onerror"} & set(one)] == []
    assert [one for _, one in reader.elements if not str(one.get("src", "data:")).startswith("data:")] == []


def test_the_same_input_gives_the_same_page_and_stays_as_it_is(content: Content) -> None:
    before = content.after.copy(deep=True)
    assert page(content) == page(content)
    pd.testing.assert_frame_equal(content.after, before)
    assert re.findall(r'"id":"(p\d+)"', canvas())[0] == "p1"


def test_an_empty_run_has_a_page(content: Content) -> None:
    nothing = pd.DataFrame()
    units = pd.DataFrame({"code": [], "name": [], "change": []})
    tables = {"before": units, "after": units, "area": nothing, "layers": nothing}
    rest = {"counts": {}, "sentences": [], "pieces": None, "findings": [], "manifest": {}, "figure": ""}
    reader = Reader(page(changed(content, **tables, **rest)))
    assert {"No unit changes.", "The plan has no events."} <= set(reader.inside("p"))
    assert reader.all("table") == reader.all("script") == []


def test_the_page_speaks_norwegian(content: Content) -> None:
    reader = Reader(page(content, language="no"))
    assert reader.all("html") == [{"lang": "nb"}]
    assert reader.inside("h2")[0] == "Det som er vedtatt"
    assert reader.inside("time") == ["Gjelder fra 1. januar 2020"]
    assert "1\u00a0234,568 km²" in reader.inside("dd")
    assert "Sammenslåing" in reader.inside("td")
    with pytest.raises(InputError, match=r"not written in fr\. Choose one of en, no"):
        page(content, language="fr")


def leaves(content: Any, path: tuple[str, ...] = ()) -> dict[tuple[str, ...], Any]:
    if isinstance(content, dict):
        return {key: value for name, part in content.items() for key, value in leaves(part, (*path, name)).items()}
    return {path: content}


def test_languages_have_the_same_texts_with_the_same_places() -> None:
    english, norwegian = (leaves(dict(read_texts(language).content)) for language in ("en", "no"))
    extra = {path for path in norwegian if path[0] in ("events", "parts")}
    assert set(english) == set(norwegian) - extra
    for path, text in english.items():
        assert set(re.findall(r"{\w+}", str(text))) == set(re.findall(r"{\w+}", str(norwegian[path]))), path
    assert {name for (section, name), _ in ((p, 0) for p in english if len(p) == 2) if section == "changes"} == set(
        CHANGES
    )
    assert set(HATCHES) < set(CHANGES)


def test_every_event_has_a_norwegian_sentence() -> None:
    parts = [{"code": "21", "line": "l.gpkg", "side": "left"}, {"code": "2", "remainder": True}]
    moved = [
        {"transfer": "7", "to": "8", "area": "a.geojson"},
        {"transfer": "7", "to": "8", "districts": "1 2"},
        {"transfer": "7", "to": "8", "former": "6", "before": "1999-01-01", "edition": "e.gpkg"},
        {"transfer": "7", "to": "8", "line": "l.gpkg", "holding": [1, 2.5]},
    ]
    events = [
        {"merge": "1 2 3", "into": "3"},
        {"split": "2", "into": parts},
        *moved,
        {"renumber": "4", "to": "40", "name": "Å"},
        {"rename": "5", "name": "Ø"},
        {"reparent": "5 6", "parent": {"county": "9"}},
        {"create": "9", "area": "b.geojson"},
        {"abolish": "10"},
        {"correct": "11", "edition": "e.gpkg"},
        {"correct": "11", "to": "12", "area": "c.geojson"},
    ]
    plan = Plan.model_validate({"date": "2020-01-01", "events": events})
    found = decided(plan, read_texts("no"))
    assert len(found) == len(events) == len(decided(plan, read_texts("en")))
    assert decided(plan, read_texts("en")) == plan.sentences()
    text = "\n".join(found)
    assert "{" not in text
    for one in (
        "1 og 2 slås sammen med 3.",
        "2 deles: en del (venstre for linjen l.gpkg) blir 21 og resten forblir 2.",
        "En del av 7 (kretser 1, 2) overføres til 8.",
        "En del av 7 (tidligere 6 før 1999-01-01 i utgaven e.gpkg) overføres til 8.",
        "En del av 7 (ved 1 2.5, skilt ut av linjen l.gpkg) overføres til 8.",
        "5 og 6 flyttes til overordnet enhet county 9.",
        "11 tegnes på nytt (utgave e.gpkg); ingenting endres rettslig.",
    ):
        assert one in text
    assert "events" in yaml.safe_load(yaml.safe_dump(dict(read_texts("no").content)))


def corners(ring: list[int]) -> list[tuple[int, int]]:
    steps = np.array(ring).reshape(-1, 2)
    return [(int(x), int(y)) for x, y in np.cumsum(steps, axis=0)]


def test_shapes_come_back_from_their_steps(content: Content) -> None:
    texts = read_texts("en")
    data = map_data(content.pieces, content.before, content.after, [], texts)
    (merged,) = [unit for unit in data["after"] if unit["code"] == "0110"]
    rings = [corners(data["rings"][ring]) for polygon in merged["shape"] for ring in polygon]
    (ring,) = rings
    assert ring[0] == ring[-1]
    whole = shapely.union_all(content.pieces[content.pieces["new_code"] == "0110"].geometry.to_numpy())
    assert shapely.Polygon(ring).area * (30 / GRID) ** 2 == pytest.approx(whole.area, rel=1e-3)
    stays = [next(u for u in data[side] if u["name"] == "Dæ")["shape"] for side in ("before", "after")]
    assert stays[0] == stays[1]
    assert [len(lines) > 0 for lines in data["lines"].values()] == [True, True, False]
    assert data["changes"][0] == 0


def test_shapes_hold_lakes_and_islands() -> None:
    lake = shapely.box(0, 0, 10, 10).difference(shapely.box(2, 2, 4, 4))
    shapes = Shapes((0, 0, 20, 20))
    found = shapes.polygons(shapely.MultiPolygon([lake, shapely.box(15, 15, 20, 20)]))
    assert found == [[0, 1], [2]]
    assert shapes.polygons(shapely.box(2, 2, 4, 4)) == [[1]]


def test_pieces_become_as_light_as_a_page_needs_and_keep_their_edges() -> None:
    count = CORNERS // 2
    angle = np.linspace(0, np.pi * 40, count)
    edge = np.column_stack([np.linspace(0, 1e5, count), 5e4 + 300 * np.sin(angle) + 20 * np.sin(angle * 97)])
    low = shapely.Polygon([(0, 0), *edge, (1e5, 0)])
    high = shapely.Polygon([(0, 1e5), *edge, (1e5, 1e5)])
    more = shapely.Polygon([(0, -1e5), *(edge - (0, 1.2e5)), (1e5, -1e5)])
    pieces = gpd.GeoDataFrame(
        {"old_code": ["1", "2", "3"], "new_code": "1"}, geometry=[low, high, more], crs="EPSG:25833"
    )
    found = light(pieces)
    assert shapely.get_num_coordinates(found.geometry.to_numpy()).sum() <= CORNERS
    assert shapely.coverage_is_valid(found.geometry.to_numpy())
    small = pieces.assign(geometry=[shapely.box(i, 0, i + 1, 1) for i in range(3)])
    assert light(small) is small
