"""The tables of the cadastre: parcels with their keys, property units, and a few deliberate faults."""

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from coast import Geometries
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

CRS = 25832
FIRST_TEIGID = 5_300_000_001  # beyond 32 bits
FIRST_DAY = pd.Timestamp("1995-01-01", tz="UTC")
FIRST_UNIT = 200_000_001
KEY = ["kommunenummer", "gardsnummer", "bruksnummer", "festenummer", "seksjonsnummer"]
NAMES = [
    "Solbakken", "Nordre Bø", "Søndre Haugen", "Åsen", "Lille Ås", "Bjørkelund", "Myra", "Rønningen",
    "Fagertun", "Sjøbu", "Granli", "Øvre Berg", "Nedre Berg", "Skogly", "Ødegården", "Fossum", "Vårli",
]  # fmt: skip
SEA = (579_150.0, 6_562_300.0, 579_190.0, 6_562_325.0)  # west, south, east, north: water on all sides


def _number(parcels: gpd.GeoDataFrame, rng: np.random.Generator) -> None:
    """Running numbers in each farm; some parcels are leaseholds of the parcel before them."""
    parcels["bruksnummer"] = parcels.groupby(["kommunenummer", "gardsnummer"]).cumcount() + 1
    parcels["festenummer"] = 0
    parcels["seksjonsnummer"] = 0
    leased = (rng.random(len(parcels)) < 0.025) & (parcels["bruksnummer"] > 1)
    for row in parcels.index[leased]:
        parcels.loc[row, "bruksnummer"] = parcels.loc[row - 1, "bruksnummer"]
        parcels.loc[row, "festenummer"] = parcels.loc[row - 1, "festenummer"] + 1


def _alone(parcels: gpd.GeoDataFrame) -> NDArray[np.bool_]:
    """Parcels whose number no leasehold and no second parcel shares."""
    shared: NDArray[np.bool_] = parcels.duplicated(KEY[:3], keep=False).to_numpy()
    return ~shared


def _pair(parcels: gpd.GeoDataFrame, border: BaseGeometry, rng: np.random.Generator) -> None:
    """About 3 % of the units own a second parcel nearby, on the same side of the coming border.

    Parcels less than 800 m apart and more than 500 m from the border cannot lie on two sides of it.
    """
    shapes = parcels.geometry.to_numpy()
    free = _alone(parcels) & (shapely.distance(shapes, border) > 500)
    for row in np.flatnonzero(free & (rng.random(len(parcels)) < 0.052)):
        second = row + int(rng.integers(2, 6))
        if second >= len(parcels) or not (free[row] and free[second]):
            continue
        same_farm = parcels.loc[row, KEY[:2]].equals(parcels.loc[second, KEY[:2]])
        if same_farm and shapely.distance(shapes[row], shapes[second]) < 800:
            parcels.loc[second, KEY] = parcels.loc[row, KEY]
            free[[row, second]] = False


def _describe(parcels: gpd.GeoDataFrame, rng: np.random.Generator) -> None:
    size = len(parcels)
    parcels["teigid"] = FIRST_TEIGID + np.arange(size) * 7
    parcels["lagretberegnetareal"] = parcels.area.round(1)
    parcels["tvist"] = rng.random(size) < 0.003
    days, seconds = rng.integers(0, 8_000, size), rng.integers(0, 86_400, size)
    parcels["oppdateringsdato"] = FIRST_DAY + pd.to_timedelta(days * 86_400 + seconds, unit="s")
    names = pd.Series(np.array(NAMES, dtype=object)[rng.integers(0, len(NAMES), size)])
    parcels["bruksnavn"] = names.where(rng.random(size) < 0.3, None)


def _deep_inside(parcels: gpd.GeoDataFrame, code: str, border: BaseGeometry, count: int) -> list[int]:
    """Middle-sized parcels of one municipality, far from its outline and from the coming border."""
    mine = parcels["kommunenummer"] == code
    whole = shapely.coverage_union_all(parcels.geometry[mine].to_numpy())
    outline = shapely.union_all([whole.boundary, border])
    fit = mine & _alone(parcels) & parcels.area.between(3_000, 200_000)
    rows = parcels.index[fit & (parcels.distance(outline) > 600)]
    return [int(rows[n]) for n in np.linspace(0, len(rows) - 1, count + 2).astype(int)[1:-1]]


def _spoil(parcels: gpd.GeoDataFrame, border: BaseGeometry) -> tuple[gpd.GeoDataFrame, dict[str, list[int]]]:
    """Put in the deliberate faults; also say which parcels (`teigid`) they are."""
    parcels = parcels.copy()
    misplaced = _deep_inside(parcels, "0704", border, 3)
    unknown, blank = _deep_inside(parcels, "0719", border, 1), _deep_inside(parcels, "0720", border, 1)
    for order, row in enumerate(misplaced):
        parcels.loc[row, KEY[:3]] = ["0706", 20 + order, 901 + order]
    parcels.loc[unknown, "kommunenummer"] = "0799"
    parcels.loc[blank, "kommunenummer"] = None
    extra = parcels.iloc[-2:].copy()
    extra.index = pd.RangeIndex(len(parcels), len(parcels) + 2)
    extra[KEY] = [["0720", 158, 901, 0, 0], ["0720", 158, 902, 0, 0]]
    extra["teigid"] = FIRST_TEIGID + extra.index * 7
    extra["lagretberegnetareal"] = [shapely.box(*SEA).area, 812.5]
    extra = extra.set_geometry([shapely.box(*SEA), None], crs=CRS)
    parcels = pd.concat([parcels, extra])
    rows = {
        "misplaced": misplaced, "unknown_code": unknown, "no_code": blank,
        "at_sea": [int(extra.index[0])], "no_geometry": [int(extra.index[1])],
    }  # fmt: skip
    return parcels, {fault: parcels.loc[r, "teigid"].tolist() for fault, r in rows.items()}


def key_text(table: pd.DataFrame) -> list[str]:
    """`12/3`, `12/3/1`, `12/3/0/2`: the numbers of the key without code and trailing zero parts."""
    texts = []
    for numbers in table[KEY[1:]].astype(int).itertuples(index=False):
        parts = list(numbers)
        while len(parts) > 2 and parts[-1] == 0:
            parts.pop()
        texts.append("/".join(map(str, parts)))
    return texts


def make_parcels(
    codes: list[str],
    farms: list[int],
    shapes: Geometries,
    border: BaseGeometry,
    rng: np.random.Generator,
) -> tuple[gpd.GeoDataFrame, dict[str, list[int]]]:
    """The layer `teig`, and the parcels at fault by kind."""
    parcels = gpd.GeoDataFrame({"kommunenummer": codes, "gardsnummer": farms}, geometry=shapes, crs=CRS)
    _number(parcels, rng)
    _pair(parcels, border, rng)
    _describe(parcels, rng)
    parcels, faults = _spoil(parcels, border)
    parcels["matrikkelnummertekst"] = key_text(parcels)
    columns = [
        "teigid", "kommunenummer", "matrikkelnummertekst", *KEY[1:], "lagretberegnetareal", "tvist",
        "oppdateringsdato", "bruksnavn", "geometry",
    ]  # fmt: skip
    return parcels[columns].reset_index(drop=True), faults


def make_property_units(parcels: gpd.GeoDataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """The table `matrikkelenhet`: one row per property unit and parcel, sections on their ground."""
    ground = parcels[["teigid", *KEY]].copy()
    ground["matrikkelenhetstype"] = np.where(ground["festenummer"] > 0, "Festegrunn", "Grunneiendom")
    divided = _alone(parcels) & parcels.area.lt(2_500) & (rng.random(len(parcels)) < 0.03)
    sections = ground.loc[np.repeat(np.flatnonzero(divided), rng.integers(2, 7, divided.sum()))].copy()
    sections["seksjonsnummer"] = sections.groupby("teigid").cumcount() + 1
    sections["matrikkelenhetstype"] = "Eierseksjon"
    table: pd.DataFrame = pd.concat([ground, sections]).sort_index(kind="stable")
    table["matrikkelenhetid"] = FIRST_UNIT + table.groupby(KEY, sort=False, dropna=False).ngroup()
    columns = ["matrikkelenhetid", "teigid", *KEY, "matrikkelenhetstype"]
    return pd.DataFrame(table.reset_index(drop=True)[columns])
