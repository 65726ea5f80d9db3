"""Registers that hold codes and keys: building cases, pupils, an electoral roll, and cases of a health office."""

import csv
import datetime as dt
import io
import re
import sqlite3
import zipfile
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import openpyxl
import shapely
from cadastre import key_text
from openpyxl.styles import Font
from regions import UNITS
from shapely.geometry.base import BaseGeometry
from write import DAY

CASES, PUPILS, VOTERS, HEALTH = 480, 260, 700, 140
NEW_YEAR = dt.date(2017, 1, 1)
KINDS = ["Garasje", "Tilbygg", "Bruksendring", "Riving", "Enebolig", "Fasadeendring"]
NOTES = [
    "",
    "",
    "",
    "",
    "nabovarsel sendt; ingen merknader",
    'søker ber om "hurtigsak"',
    "befaring på gården",
    "ø/å: se tegning",
]
WARDS = {
    "0704": 61,
    "0706": 1,
    "0719": 21,
    "0720": 41,
}  # first number of the wards of a municipality; none occurs twice
VEAR = 49  # the ward that goes to Tønsberg
OFFICES = {"0301": "Osloklinikken", "0706": "Teieklinikken", "0719": "Feltavdelingen", "0814": "Telefontjenesten",
           "1103": "Vestlegene"}  # fmt: skip
GROUPS = ["A", "D", "F", "K", "L", "R"]

Rows = Iterable[Sequence[Any]]


def wards(addresses: gpd.GeoDataFrame, vear: BaseGeometry) -> np.ndarray:
    """The ward of each address: one for each post place, and one for Vear."""
    places = addresses.groupby(["kommunenummer", "poststed"]).ngroup()
    first = places.groupby(addresses["kommunenummer"]).transform("min")
    numbers = addresses["kommunenummer"].map(WARDS) + places - first
    inside = addresses.within(vear) & (addresses["kommunenummer"] == "0720")
    return np.where(inside, VEAR, numbers)


def building_cases(parcels: gpd.GeoDataFrame, rng: np.random.Generator) -> list[list[str]]:
    """Cases on parcels, received from summer 2016 to spring 2017, some with deliberate faults."""
    known = parcels[parcels["kommunenummer"].isin(WARDS)]
    chosen = known.iloc[np.sort(rng.choice(len(known), CASES, replace=False))]
    days = np.sort(rng.integers(-200, 80, CASES))
    order = rng.permutation(CASES)
    rows = []
    for number, (code, key, day) in enumerate(
        zip(chosen["kommunenummer"].iloc[order], np.array(key_text(chosen))[order], days, strict=True)
    ):
        received = NEW_YEAR + dt.timedelta(days=int(day))
        fee = f"{rng.integers(900, 38_000)},{rng.integers(0, 100):02d}"
        kind, note = KINDS[rng.integers(len(KINDS))], NOTES[rng.integers(len(NOTES))]
        case = f"{received.year}/{number + 101:05d}"
        rows.append([case, code, UNITS[code].county, f"{code}-{key}", kind, f"{received:%d.%m.%Y}", fee, note])
    _spoil_cases(rows)
    return rows


def _spoil_cases(rows: list[list[str]]) -> None:
    """Put in the deliberate faults: all of them are of 2017."""
    late = [row for row in rows if row[0] > "2017"]
    of = {code: [row for row in late if row[1] == code] for code in WARDS}
    of["0719"][0][1] = '="0719"'  # a trick that keeps the zero in a spreadsheet
    of["0706"][0][1], of["0706"][0][3] = "0799", of["0706"][0][3].replace("0706", "0799")
    of["0706"][1][5] = ""
    of["0720"][1][3] = "0720-950/1"
    of["0719"][1][3] = "0706-12/1"
    of["0720"][0].append("se også 2016/00107")  # a mark too many


def write_cases(path: Path, rows: Iterable[Sequence[str]]) -> None:
    """CSV as an old system exports it: semicolons, ISO-8859-1, decimal commas, CR LF."""
    header = ["Saksnr", "Kommune", "Fylke", "Eiendom", "Sakstype", "Mottatt", "Gebyr", "Merknad"]
    _write_csv(path, [header, *rows], ";", "iso-8859-1", "\r\n")


def _write_csv(path: Path, rows: Rows, mark: str, encoding: str, end: str) -> None:
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=mark, lineterminator=end).writerows(rows)
    path.write_bytes(text.getvalue().encode(encoding))


def pupils(addresses: gpd.GeoDataFrame, ward: np.ndarray, rng: np.random.Generator) -> list[list[Any]]:
    """Pupils at addresses, with the code as a number, which loses its zero."""
    rows = []
    for number, at in enumerate(np.sort(rng.choice(len(addresses), PUPILS, replace=False))):
        home = addresses.iloc[at]
        code, letter = home["kommunenummer"], home["bokstav"] if isinstance(home["bokstav"], str) else None
        street = [home["adressenavn"], int(home["nummer"]), letter]
        year = int(rng.integers(2001, 2011))
        rows.append([4000 + number, int(code), UNITS[code].name, f"{code}{ward[at]:02d}", *street, year])
    next(row for row in rows if row[1] == 719)[2] = "Andebu kommune"
    next(row for row in reversed(rows) if row[1] == 720)[5] = 9999  # no such house
    return rows


def write_pupils(path: Path, rows: Rows) -> None:
    """A workbook with a formula, a bold header and a second sheet; its times are pinned."""
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "Elever"
    sheet.append(["Elevnr", "Kommunenr", "Kommune", "Skolekrets", "Gate", "Husnr", "Bokstav", "Født", "Alder"])
    for number, row in enumerate(rows, 2):
        sheet.append([*row, f"=2016-H{number}"])
        sheet.cell(number, 2).number_format = "0000"
    for cell in sheet[1]:
        cell.font = Font(bold=True)
    notes = book.create_sheet("Merknader")
    notes.append(["Tellingen er fra 1. oktober 2016. Skolekretsene har samme nummer etter sammenslåingen."])
    book.properties.created = dt.datetime.fromisoformat(DAY)
    held = io.BytesIO()
    book.save(held)
    with zipfile.ZipFile(held) as made, zipfile.ZipFile(path, "w") as pinned:
        for entry in made.infolist():
            content = made.read(entry)
            if entry.filename == "docProps/core.xml":
                content = re.sub(rb"(<dcterms:modified[^>]*>)[^<]*", rb"\g<1>" + f"{DAY}T00:00:00Z".encode(), content)
            pinned.writestr(zipfile.ZipInfo(entry.filename), content, zipfile.ZIP_DEFLATED, 9)


def electoral_roll(
    addresses: gpd.GeoDataFrame, ward: np.ndarray, rng: np.random.Generator
) -> tuple[list[list[Any]], list[list[Any]]]:
    """Wards with the place where they vote, and voters at addresses."""
    codes = addresses["kommunenummer"] + np.char.mod("%04d", ward)
    found = []
    for code, group in addresses.groupby(codes):
        east, north = shapely.get_coordinates(group.geometry.iloc[[0]].to_numpy())[0].tolist()
        name = "Vear øst" if code.endswith(str(VEAR)) else group["poststed"].iloc[0].capitalize()
        found.append([code, code[:4], name, east, north])
    chosen = np.sort(rng.choice(len(addresses), VOTERS, replace=False))
    voters = [
        [
            number,
            codes.iloc[at],
            codes.iloc[at][:4],
            int(addresses["adresseid"].iloc[at]),
            int(rng.integers(1925, 1999)),
        ]
        for number, at in enumerate(chosen, 70_001)
    ]
    return found, voters


def write_roll(path: Path, found: Rows, voters: Rows) -> None:
    """SQLite with two tables; each voter refers to a ward."""
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(
            "CREATE TABLE valgkrets (krets TEXT PRIMARY KEY, kommune TEXT NOT NULL, navn TEXT, ost REAL, nord REAL)"
        )
        connection.execute(
            "CREATE TABLE velger (velgernr INTEGER PRIMARY KEY, krets TEXT NOT NULL REFERENCES valgkrets (krets), "
            "kommune TEXT NOT NULL, adresseid INTEGER, fodt INTEGER)"
        )
        connection.executemany("INSERT INTO valgkrets VALUES (?, ?, ?, ?, ?)", found)
        connection.executemany("INSERT INTO velger VALUES (?, ?, ?, ?, ?)", voters)


def health_cases(rng: np.random.Generator) -> list[list[str]]:
    """Cases of health offices: their numbers look like codes of municipalities, and are none."""
    homes, share = ["0701", "0704", "0706", "0709", "0719", "0720"], [0.2, 0.25, 0.25, 0.15, 0.1, 0.05]
    offices = list(OFFICES)
    rows = []
    for number in range(HEALTH):
        office, day = offices[rng.integers(len(offices))], NEW_YEAR + dt.timedelta(days=int(rng.integers(-90, 60)))
        home = homes[rng.choice(len(homes), p=share)]
        rows.append([f"H{number + 1:04d}", office, OFFICES[office], home, GROUPS[rng.integers(len(GROUPS))], str(day)])
    return rows


def write_health(path: Path, rows: Rows) -> None:
    """CSV in UTF-8, with commas."""
    _write_csv(path, [["sak", "kontor", "kontornavn", "bosted", "gruppe", "dato"], *rows], ",", "utf-8", "\n")


def write_registers(folder: Path, tables: dict[str, gpd.GeoDataFrame], at_fault: set[int], seed: int) -> dict[str, int]:
    """Write all registers; return how many rows they have."""
    rng = np.random.default_rng(seed)
    parcels, addresses = tables["teig"], tables["adresse"]
    parcels = parcels[~parcels["teigid"].isin(at_fault)]
    ward = wards(addresses, tables["vear"].geometry.iloc[0])
    cases, school = building_cases(parcels, rng), pupils(addresses, ward, rng)
    (found, voters), health = electoral_roll(addresses, ward, rng), health_cases(rng)
    write_cases(folder / "building_cases_2016.csv", cases)
    write_pupils(folder / "pupils_2016.xlsx", school)
    write_roll(folder / "electoral_roll_2016.sqlite", found, voters)
    write_health(folder / "health_cases_2016.csv", health)
    return {"building cases": len(cases), "pupils": len(school), "wards": len(found), "voters": len(voters),
            "health cases": len(health)}  # fmt: skip
