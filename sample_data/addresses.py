"""Addresses in the parcels, along invented streets, and the buildings that stand there."""

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from cadastre import CRS
from coast import Coords, Geometries

COUNT = 2500
STREET = 16  # addresses in a street, at most
STEMS = [
    "Kirke", "Skole", "Stor", "Ås", "Sjø", "Mølle", "Bjørke", "Gran", "Furu", "Eike", "Løkke", "Haug",
    "Fjell", "Bekke", "Åker", "Eng", "Hage", "Kverne", "Rønne", "Lærke", "Trost", "Hegge", "Kjær", "Brønn",
    "Smie",
]  # fmt: skip
ENDINGS = ["veien", "gata", "stien", "bakken", "lia", "kroken", "svingen", "tunet"]
POST = {  # the nearest one: code, place, east, north (km)
    "0704": [("3170", "SEM", 578.0, 6572.4), ("3115", "TØNSBERG", 581.4, 6571.6)],
    "0706": [
        ("3208", "SANDEFJORD", 569.0, 6557.4), ("3211", "SANDEFJORD", 570.4, 6555.6),
        ("3225", "SANDEFJORD", 567.4, 6552.8), ("3233", "SANDEFJORD", 573.6, 6552.0),
    ],
    "0719": [("3158", "ANDEBU", 566.6, 6573.0), ("3243", "KODAL", 563.6, 6566.6)],
    "0720": [
        ("3160", "STOKKE", 573.4, 6565.8), ("3159", "MELSOMVIK", 576.6, 6562.8),
        ("3173", "VEAR", 578.4, 6568.0),
    ],
}  # fmt: skip
HOUSES = [  # what, length, width (m), how many of a hundred
    ("Enebolig", 12.0, 9.0, 58), ("Tomannsbolig", 16.0, 9.5, 12), ("Våningshus", 15.0, 9.0, 10),
    ("Fritidsbolig (hytte)", 9.0, 7.0, 8), ("Garasje, uthus på gård", 7.5, 6.0, 7),
    ("Næringsbygg", 24.0, 16.0, 5),
]  # fmt: skip
BARNS = [("Fjøs", 28.0, 12.0), ("Låve", 24.0, 11.0), ("Kårbolig", 14.0, 8.5)]


def _street_names(rng: np.random.Generator) -> list[str]:
    """The names in order of use: every municipality has the first ones."""
    common = ["Kirkeveien", "Storgata", "Skoleveien", "Åsveien", "Sjøveien", "Møllebakken"]
    others = sorted({stem + ending for stem in STEMS for ending in ENDINGS} - set(common))
    return common + [others[n] for n in rng.permutation(len(others))]


def _post(code: str, east: float, north: float) -> tuple[str, str]:
    """Postal code and place of the nearest post office of the municipality."""
    nearest = min(POST[code], key=lambda row: np.hypot(row[2] - east / 1000, row[3] - north / 1000))
    return nearest[:2]


def _streets(chosen: gpd.GeoDataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Street, number and letter: a street follows one farm from west to east."""
    table = chosen.assign(east=shapely.get_x(shapely.centroid(chosen.geometry.to_numpy())))
    table = table.sort_values(["kommunenummer", "gardsnummer", "east"], kind="stable")
    place = table.groupby(["kommunenummer", "gardsnummer"]).cumcount()
    table["nummer"] = place % STREET + 1
    begins = (table["nummer"] == 1).astype(int)
    street = begins.groupby(table["kommunenummer"]).cumsum() - 1
    table["adressekode"] = 1000 + street * 20
    names = {code: _street_names(rng) for code in POST}
    table["adressenavn"] = [names[c][s] for c, s in zip(table["kommunenummer"], street, strict=True)]
    lettered = (table["nummer"] % 4 == 2) & (rng.random(len(table)) < 0.2)  # 1 and 1B, without a 2
    table["nummer"] -= lettered
    table["bokstav"] = lettered.map({True: "B", False: None})
    return pd.DataFrame(table)


def make_addresses(parcels: gpd.GeoDataFrame, at_fault: set[int], rng: np.random.Generator) -> gpd.GeoDataFrame:
    """The layer `adresse`: points in sound parcels, mostly in the small ones."""
    sound = parcels[~parcels["teigid"].isin(at_fault)]
    likely = np.where(sound.area < 9_000, 1.0, 0.22)
    rows = np.sort(rng.choice(len(sound), COUNT, replace=False, p=likely / likely.sum()))
    table = _streets(sound.iloc[rows], rng)
    table["adresseid"] = 500_000_000 + np.arange(len(table)) * 3
    points = shapely.get_coordinates(shapely.point_on_surface(table.geometry.to_numpy())).round(2)
    post = [_post(code, *point) for code, point in zip(table["kommunenummer"], points.tolist(), strict=True)]
    table["postnummer"], table["poststed"] = zip(*post, strict=True)
    table = gpd.GeoDataFrame(table, geometry=shapely.points(points), crs=CRS)
    columns = [
        "adresseid", "kommunenummer", "adressekode", "adressenavn", "nummer", "bokstav", "gardsnummer",
        "bruksnummer", "festenummer", "postnummer", "poststed", "geometry",
    ]  # fmt: skip
    return table[columns].reset_index(drop=True)


def _rectangles(middle: Coords, length: Coords, width: Coords, turn: Coords) -> Geometries:
    along = np.column_stack([np.cos(turn), np.sin(turn)]) * length[:, None] / 2
    across = np.column_stack([-np.sin(turn), np.cos(turn)]) * width[:, None] / 2
    corners = [-along - across, along - across, along + across, across - along]
    rings = np.stack([middle + corner for corner in corners], axis=1).round(2)
    return np.asarray(shapely.polygons(rings))


def make_buildings(
    parcels: gpd.GeoDataFrame, addresses: gpd.GeoDataFrame, at_fault: set[int], rng: np.random.Generator
) -> gpd.GeoDataFrame:
    """A house at most addresses, and a barn on some large parcels; each wholly inside its parcel."""
    homes = addresses[rng.random(len(addresses)) < 0.86]
    kinds = rng.choice(len(HOUSES), len(homes), p=np.array([share for *_, share in HOUSES]) / 100)
    sizes = [HOUSES[k] for k in kinds]
    farms = parcels[parcels.area.gt(60_000) & ~parcels["teigid"].isin(at_fault)]
    farms = farms[rng.random(len(farms)) < 0.09]
    barns = [BARNS[k] for k in rng.integers(0, len(BARNS), len(farms))]
    yard = shapely.get_coordinates(shapely.point_on_surface(farms.geometry.to_numpy())) + 45.0
    middle = np.vstack([shapely.get_coordinates(homes.geometry.to_numpy()), yard])
    length, width = np.array([row[1:3] for row in [*sizes, *barns]]).T * rng.uniform(0.8, 1.25, len(middle))
    shapes = _rectangles(middle, length, width, rng.uniform(0, np.pi, len(middle)))
    table = gpd.GeoDataFrame(
        {
            "BYGGNR": 140_000_000 + np.arange(len(middle)) * 11,
            "KOMMNR": [*homes["kommunenummer"], *farms["kommunenummer"]],
            "BYGGTYPE": [row[0] for row in [*sizes, *barns]],
            "AREAL": shapely.area(shapes).round(2),
        },
        geometry=shapes,
        crs=CRS,
    )
    inside = parcels.sindex.query(shapes, predicate="within", sort=True)[0]
    return table.iloc[np.unique(inside)].reset_index(drop=True)
