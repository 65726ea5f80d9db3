"""Lists of KLASS: in every shape, with their traps, from files and from a service that answers as the real one did."""

from __future__ import annotations

import datetime as dt
import json
import threading
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import pytest

from geomerge.errors import InputError
from geomerge.findings import Finding
from geomerge.histories.klass import Klass
from geomerge.histories.readers import Window
from geomerge.histories.reading import read_changes, read_units
from geomerge.histories.source import Source
from geomerge.plan import Plan
from geomerge.rules import check_plan
from geomerge.steps import steps

# As the service answered for 1 January 2017 (Statistics Norway, KLASS, CC BY 4.0).
ROWS_2017 = [
    ("0704", "Tønsberg", "0704", "Tønsberg"),
    ("0720", "Stokke", "0704", "Tønsberg"),
    ("0706", "Sandefjord", "0710", "Sandefjord"),
    ("0719", "Andebu", "0710", "Sandefjord"),
    ("0720", "Stokke", "0710", "Sandefjord"),
    ("1841", "Fauske", "1841", "Fauske - Fuossko"),
]
EVENTS_2017 = {"transfer 0720 > 0704", "merge 0706 0719 0720 > 0710", "rename 1841"}
FIELDS = ("oldCode", "oldName", "oldShortName", "newCode", "newName", "newShortName", "changeOccurred")


def answer(*rows: tuple[Any, ...], date: str = "2017-01-01") -> dict[str, Any]:
    return {
        "codeChanges": [
            dict(zip(FIELDS, (old, name, "", new, becomes, "", date), strict=True)) for old, name, new, becomes in rows
        ]
    }


def correspondence(*rows: tuple[str, ...], source: str, target: str, **more: Any) -> dict[str, Any]:
    names = ("sourceCode", "sourceName", "targetCode", "targetName")
    maps = [dict(zip(names, row, strict=True)) for row in rows]
    return {"name": f"{source} - {target}", "source": source, "target": target, **more, "correspondenceMaps": maps}


def saved(folder: Path, content: Any, name: str = "list.json", encoding: str = "utf-8") -> Path:
    path = folder / name
    text = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)
    path.write_bytes(text.encode(encoding))
    return path


def labels(plan: Plan) -> set[str]:
    return {event.label() for event in plan.events}


def read(path: Path, **options: Any) -> tuple[Plan, list[Finding]]:
    findings: list[Finding] = []
    return read_changes(path, findings=findings, **options), findings


def test_an_answer_of_the_service_is_read(tmp_path: Path) -> None:
    plan, findings = read(saved(tmp_path, answer(*ROWS_2017)))
    assert labels(plan) == EVENTS_2017
    assert {event.date for event in plan.events} == {dt.date(2017, 1, 1)}
    assert findings == []


@pytest.mark.parametrize("delimiter", [",", ";"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "iso-8859-1"])
def test_separated_values_are_read(tmp_path: Path, delimiter: str, encoding: str) -> None:
    rows = [(old, name, "", new, becomes, "", "2017-01-01") for old, name, new, becomes in ROWS_2017]
    text = "\r\n".join(delimiter.join(f'"{cell}"' for cell in row) for row in [FIELDS, *rows])
    plan, _ = read(saved(tmp_path, text, "changes.csv", encoding))
    assert labels(plan) == EVENTS_2017
    assert [
        event.into.code if hasattr(event.into, "code") else event.name
        for event in plan.events
        if hasattr(event, "merge")
    ] == ["Sandefjord"]


@pytest.mark.parametrize(
    ("encoding", "name"), [("utf-8", "Šuoččo ærø"), ("windows-1252", "Šuoco ærø"), ("latin-1", "ærø")]
)
def test_letters_are_kept_whatever_the_encoding(tmp_path: Path, encoding: str, name: str) -> None:
    text = f'"oldCode","oldName","newCode","newName","changeOccurred"\n"1939","S","1939","{name}","2019-01-01"\n'
    plan, _ = read(saved(tmp_path, text, "changes.csv", encoding))
    assert plan.events[0].names() == {"1939": name}


def test_the_download_of_the_pages_is_read(tmp_path: Path) -> None:
    text = "kommuner_2013;kommuner_2017\r\n0706\u00a0-\u00a0Sandefjord;0710\u00a0-\u00a0Sandefjord\r\n"
    text += "1841\u00a0-\u00a0Fauske;1841\u00a0-\u00a0Fauske - Fuossko\r\n"
    plan, _ = read(saved(tmp_path, text, "web.csv", "iso-8859-1"))
    assert labels(plan) == {"renumber 0706 > 0710", "rename 1841"}
    assert plan.events[1].names() == {"1841": "Fauske - Fuossko"}
    assert plan.dates == (dt.date(2017, 1, 1),)


def test_a_download_that_leads_back_is_turned(tmp_path: Path) -> None:
    text = "kommuner_2017;kommuner_2013\n0710 - Sandefjord;0706 - Sandefjord\n"
    plan, findings = read(saved(tmp_path, text, "web.csv"))
    assert labels(plan) == {"renumber 0706 > 0710"}
    assert [finding.check for finding in findings] == ["turned table"]


def test_a_correspondence_table_is_turned_by_the_years_of_its_versions(tmp_path: Path) -> None:
    rows = [("1508", "Ålesund", "1507", "Ålesund"), ("1580", "Haram", "1507", "Ålesund")]
    names = {"source": "Kommuneinndeling 2024", "target": "Kommuneinndeling 2023"}
    plan, findings = read(saved(tmp_path, correspondence(*rows, **names)))
    assert labels(plan) == {"split 1507 > 1508 1580"}
    assert plan.dates == (dt.date(2024, 1, 1),)
    assert findings[0].check == "turned table"


def test_a_table_without_dates_needs_one(tmp_path: Path) -> None:
    text = '"sourceCode";"sourceName";"targetCode";"targetName"\n"0706";"Sandefjord";"0710";"Sandefjord"\n'
    path = saved(tmp_path, text, "corresponds.csv")
    with pytest.raises(InputError, match=r"does not say when .* Give the date"):
        read(path)
    plan, _ = read(path, date="2017-01-01")
    assert (labels(plan), plan.dates) == ({"renumber 0706 > 0710"}, (dt.date(2017, 1, 1),))
    items = [
        {"sourceCode": "0706", "sourceName": "S", "targetCode": "0710", "targetName": "S", "validFrom": "2017-01-01"}
    ]
    plan, _ = read(saved(tmp_path, {"correspondenceItems": items}))
    assert plan.dates == (dt.date(2017, 1, 1),)


def test_labels_are_no_events(tmp_path: Path) -> None:
    rows = [
        ("1514", "Sande (Møre og Romsdal)", "1514", "Sande"),
        ("0706", "S", "0710", "S"),
        ("9999", "Uoppgitt", "9999", "?"),
    ]
    plan, findings = read(saved(tmp_path, answer(*rows)))
    assert labels(plan) == {"renumber 0706 > 0710"}
    assert [str(finding) for finding in findings] == [
        "Codes of no unit are left out (entry 3).",
        "Rows that change only what stands in brackets after a name are left out (entry 1).",
    ]


def test_empty_codes_create_and_end(tmp_path: Path) -> None:
    path = saved(tmp_path, answer((None, None, "2111", "Ny"), ("0101", "Gammel", "", "")))
    plan, _ = read(path)
    assert labels(plan) == {"create 2111", "abolish 0101"}
    placed, _ = read(path, edition="after.gpkg")
    assert list(placed.files()) == ["after.gpkg"]


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (
            answer(("706", "S", "0710", "S"), *ROWS_2017),
            "entry 1: 706 has not the 4 characters .* A code keeps its zeros",
        ),
        (answer(*ROWS_2017, date="1.1.2017"), r"entries 1, 2, 3, 4, 5 and 1 more: '1.1.2017' is no date"),
        (
            answer(("0706", "S", "0710", "A"), ("0719", "T", "0710", "B")),
            "entries 1 and 2: 0710 gets 2 names on 2017-01-01: A, B",
        ),
        (answer((706, "S", "0710", "S")), "entry 1: a code or a name is no text"),
        (answer(("0706", 7, "0710", "S")), "entry 1: a code or a name is no text"),
        ({"codeChanges": {"oldCode": "0706"}}, "holds something else where a list of entries should be"),
        (answer(("", "S", "", "S")), "entry 1: neither an old nor a new code"),
        ({"codeChanges": []}, "it has none at all. The day before"),
        ({"codeChanges": [{"oldCode": "0706", "newCode": "0710"}]}, "has no columns oldName, newName, changeOccurred"),
        ('{"codeChanges": [', "row 1 is no JSON"),
        ('"oldCode","newCode"\n"0706","0710"\n', "has no columns oldName, newName, changeOccurred"),
        ("kommuner_2013;kommuner_2017\n0706;0710 - S\n", "row 2: column kommuner_2013 does not hold a code and a name"),
    ],
)
def test_faults_name_the_rows(tmp_path: Path, content: Any, fault: str) -> None:
    with pytest.raises(InputError, match=fault):
        read(saved(tmp_path, content, "list.json" if not isinstance(content, str) else "list.csv"))


def test_what_ended_cannot_end_again(tmp_path: Path) -> None:
    changes = (
        answer(("0706", "S", "0710", "S"))["codeChanges"]
        + answer(("0706", "S", "3804", "S"), date="2020-01-01")["codeChanges"]
    )
    with pytest.raises(InputError, match=r"entry 2: 0706 changes on 2020-01-01, but ended on 2017-01-01 \(entry 1\)"):
        read(saved(tmp_path, {"codeChanges": changes}))


def test_a_list_of_codes_is_read(tmp_path: Path) -> None:
    text = '"code";"parentCode";"level";"name";"shortName";"notes";"validFrom";"validTo"\n'
    text += '"0301";"";"1";"Oslo";;""\n' + f'"1841";"";"1";"Fauske";;"{"n" * 255}"\n' + '"9999";"";"1";"Uoppgitt";;""\n'
    findings: list[Finding] = []
    units = read_units(saved(tmp_path, text, "codes.csv", "iso-8859-1"), findings=findings)
    assert units["code"].tolist() == ["0301", "1841"]
    assert [(finding.check, finding.where) for finding in findings] == [("cut note", "1841")]


def test_a_version_is_read_with_its_days(tmp_path: Path) -> None:
    item = {"code": "0301", "parentCode": None, "level": "1", "name": "Oslo", "shortName": "", "notes": ""}
    version = {
        "name": "2017",
        "validFrom": "2017-01-01",
        "validTo": "2018-01-01",
        "levels": [],
        "classificationItems": [item],
    }
    path = saved(tmp_path, version)
    assert read_units(path, on="2017-12-31")["valid_to"].tolist() == ["2018-01-01"]
    assert read_units(path, on="2018-01-01").empty
    with pytest.raises(InputError, match="several times"):
        read_units(saved(tmp_path, {**version, "classificationItems": [item, item]}), on="2017-06-01")


class Service:
    """A service at home: answers what it is told to, and keeps what it was asked."""

    def __init__(self) -> None:
        self.answers: dict[str, tuple[int, Any]] = {}
        self.asked: list[str] = []
        self.accepts: set[str | None] = set()
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                service.asked.append(self.path)
                service.accepts.add(self.headers["Accept"])
                status, content = service.answers.get(self.path.partition("?")[0], (404, {"error": "no table"}))
                self.send_response(status)
                self.end_headers()
                self.wfile.write(json.dumps(content).encode())

            def log_message(self, *_: Any) -> None:
                """Keep the output of tests clean."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.base = f"http://127.0.0.1:{self.server.server_port}/api/klass/v1"


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    found = Service()
    thread = threading.Thread(target=found.server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield found
    found.server.shutdown()
    found.server.server_close()
    thread.join()


def test_the_service_is_asked_for_the_days_around(service: Service) -> None:
    service.answers["/api/klass/v1/classifications/131/changes"] = (200, answer(*ROWS_2017))
    for tail in ("", "/changes"):
        address = f"{service.base}/classifications/131{tail}"
        plan = read_changes(address, since="2016-01-01", until=dt.date(2017, 1, 1), findings=[])
        assert labels(plan) == EVENTS_2017
    assert set(service.asked) == {"/api/klass/v1/classifications/131/changes?from=2016-01-01&to=2017-01-02"}
    assert service.accepts == {"application/json"}
    with pytest.raises(InputError, match="needs the day whose units are the first"):
        read_changes(f"{service.base}/classifications/131")


def test_a_query_of_ones_own_stays_as_it_is(service: Service) -> None:
    service.answers["/api/klass/v1/classifications/131/changes"] = (200, {"codeChanges": []})
    with pytest.raises(InputError, match="The day before the first wanted change must be in the time asked for"):
        read_changes(f"{service.base}/classifications/131/changes?from=2018-01-01&to=2018-01-02")
    assert service.asked == ["/api/klass/v1/classifications/131/changes?from=2018-01-01&to=2018-01-02"]


def test_versions_of_a_correspondence_table_are_looked_up(service: Service) -> None:
    table = correspondence(("1508", "Å", "1507", "Å"), source="new", target="old", sourceId=1710, targetId=1847)
    service.answers |= {
        "/api/klass/v1/correspondencetables/2490": (200, table),
        "/api/klass/v1/versions/1710": (200, {"validFrom": "2024-01-01"}),
        "/api/klass/v1/versions/1847": (200, {"validFrom": "2023-01-01"}),
    }
    plan = read_changes(f"{service.base}/correspondencetables/2490", findings=[])
    assert (labels(plan), plan.dates) == ({"renumber 1507 > 1508"}, (dt.date(2024, 1, 1),))


def test_units_are_asked_for_on_a_day(service: Service) -> None:
    codes = [
        {"code": code, "parentCode": None, "level": "1", "name": code, "validFrom": None} for code in ("0301", "9999")
    ]
    service.answers["/api/klass/v1/classifications/131/codesAt"] = (200, {"codes": codes})
    assert read_units(f"{service.base}/classifications/131", on="2020-01-01")["code"].tolist() == ["0301"]
    assert service.asked == ["/api/klass/v1/classifications/131/codesAt?date=2020-01-01"]


def test_a_service_that_does_not_answer_is_one_clear_message(service: Service) -> None:
    address = f"{service.base}/classifications/131"
    with pytest.raises(InputError, match=r"answers 404 .* have no table of changes") as told:
        read_changes(address, since="1900-01-01")
    assert len(told.value.faults) == 1
    service.answers["/api/klass/v1/classifications/131/changes"] = (503, {})
    with pytest.raises(InputError, match=r"answers 503 .* Try again later"):
        read_changes(address, since="2016-01-01")
    service.answers["/api/klass/v1/classifications/131/changes"] = (200, [])
    with pytest.raises(InputError, match="holds no answer of KLASS"):
        read_changes(address, since="2016-01-01")


def test_no_network_is_one_clear_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        port = server.server_port
    with pytest.raises(InputError, match=r"cannot be reached: .* Save the answer as a file"):
        read_changes(f"http://127.0.0.1:{port}/classifications/131", since="2016-01-01")


@pytest.fixture(scope="module")
def real(shared: Path) -> pd.DataFrame:
    return Klass().changes(Source(str(shared / "norway" / "klass_131_changes.json")), Window(), [].append)


def test_the_real_changes_are_all_read(shared: Path, real: pd.DataFrame) -> None:
    raw = json.loads((shared / "norway" / "klass_131_changes.json").read_text(encoding="utf-8"))["codeChanges"]
    assert len(raw) == 594
    assert len(real) == 592  # 1514 and 1867 change only their label
    counts = Counter(real["date"])
    labels_only = Counter({"2020-01-01": 2})
    expected = {"2017": 6, "2018": 58, "2019": 4, "2020": 317, "2022": 1, "2023": 2, "2024": 118}
    assert {day[:4]: count for day, count in (counts + labels_only).items() if day[:4] in expected} == expected


def test_the_reform_of_2020_has_the_published_counts(real: pd.DataFrame) -> None:
    rows = real[real["date"] == "2020-01-01"]
    makers = rows.groupby("new_code")["old_code"].nunique()
    several = makers.index[makers > 1]
    assert len(several) == 43
    makers_of_several = set(rows.loc[rows["new_code"].isin(several), "old_code"])
    split = set(rows["old_code"][rows.groupby("old_code")["new_code"].transform("nunique") > 1])
    assert split == {"1850", "5012"}
    assert len(makers_of_several - split) + len(split) == len(makers_of_several)
    alone = rows[
        ~rows["new_code"].isin(several) & (rows["old_code"] != rows["new_code"]) & ~rows["old_code"].isin(split)
    ]
    assert len(alone) == 202


def test_every_code_since_1972_is_explained(shared: Path, real: pd.DataFrame) -> None:
    norway = shared / "norway"
    codes = {
        year: set(gpd.read_file(norway / f"kommune_{year}.geojson", ignore_geometry=True)["kommune_no"])
        for year in (2016, 2017, 2019, 2020, 2023, 2024)
    }
    codes |= {
        year: set(read_units(norway / f"klass_codes_{year}.csv")["code"]) for year in (2013, 2017, 2018, 2019, 2020)
    }
    assert {year: len(found) for year, found in sorted(codes.items())} == {
        2013: 428, 2016: 428, 2017: 426, 2018: 422, 2019: 422, 2020: 356, 2023: 356, 2024: 357,
    }  # fmt: skip
    first = set(codes[2013])
    for _, rows in sorted(real[real["date"] <= "2013-01-01"].groupby("date"), reverse=True):
        first = (first - (set(rows["new_code"]) - set(rows["old_code"]))) | set(rows["old_code"])
    first |= {"0128", "1804"}  # Rakkestad and Bodø were there when others joined them
    plan, findings = read(norway / "klass_131_changes.json", units=first, edition="after.gpkg")
    assert [finding.check for finding in findings] == ["label"]
    assert [finding for finding in check_plan(plan, sorted(first)) if finding.blocks] == []
    road = steps(plan, sorted(first))
    for year, expected in codes.items():
        before = [step for step in road if step.date <= dt.date(year, 1, 1)]
        assert set(before[-1].alive) == expected, year


@pytest.mark.parametrize(("years", "rows"), [("2013_2017", 5), ("2017_2018", 57), ("2018_2019", 4), ("2019_2020", 313)])
def test_the_downloads_against_the_service(shared: Path, real: pd.DataFrame, years: str, rows: int) -> None:
    web = Klass().changes(Source(str(shared / "norway" / f"klass_web_changes_{years}.csv")), Window(), [].append)
    assert len(web) == rows
    first, last = years.split("_")
    told = real[(real["date"] > f"{first}-01-01") & (real["date"] <= f"{last}-01-01")]
    pairs = [set(zip(table["old_code"], table["new_code"], strict=True)) for table in (web, told)]
    later = {("1940", "1940")}  # of 2018, but the names of 2013 were replaced on the pages
    missing = {
        "2013_2017": {("0720", "0704"), ("0704", "0704"), ("1739", "1739"), ("1920", "1920"), ("1939", "1939")},
        "2017_2018": later,
        "2019_2020": {("1103", "1103"), ("5001", "5001")},
    }
    assert pairs[0] - pairs[1] == (later if years == "2013_2017" else set())
    assert pairs[1] - pairs[0] == missing.get(years, set())
    assert not web["new_name"].str.contains("\ufffd|\u00a0|\u0081").any()


def test_the_download_of_2020_has_a_letter_of_windows(shared: Path) -> None:
    raw = (shared / "norway" / "klass_web_changes_2019_2020.csv").read_bytes()
    assert b"\x9a" in raw
    web = Klass().changes(Source(str(shared / "norway" / "klass_web_changes_2019_2020.csv")), Window(), [].append)
    assert any("š" in name for name in web["new_name"])
