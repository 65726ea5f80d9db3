"""The formats that can be written, and what each of them cannot hold; how a layer is declared in its file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pyproj import CRS

from geomerge.errors import LayerError

SEPARATOR = "|"
DAYS = ("datetime64[D]", "date32[day]", "date64[ms]")  # types of dates alone


@dataclass(frozen=True)
class Format:
    """What a file format is called and what it cannot hold.

    Parameters
    ----------
    driver, suffix
        Its name in GDAL and at the end of a file name.
    name_width, text_width
        Longest field name and longest text.
    big_integers, time_zones, times, dates, binary, booleans
        Whether it has 64-bit integers, zones of times, times at all, dates alone, binary values, booleans.
    empty_text
        Whether it tells an empty text from a missing one.
    plain_names
        Whether field names may only have letters, digits and underscores.
    mixed
        Whether one layer holds points, lines and polygons.
    crs, coded_crs, wgs84
        Whether the CRS is written; only by its EPSG code; only WGS 84, to which coordinates are moved.
    grid
        Whether coordinates are rounded to a grid.
    many_layers
        Whether one file holds several layers.
    options
        What GDAL is told when it writes.
    """

    driver: str
    suffix: str
    name_width: int | None = None
    text_width: int | None = None
    big_integers: bool = True
    time_zones: bool = True
    times: bool = True
    dates: bool = True
    binary: bool = True
    booleans: bool = True
    empty_text: bool = True
    plain_names: bool = False
    mixed: bool = True
    crs: bool = True
    coded_crs: bool = False
    wgs84: bool = False
    grid: bool = False
    many_layers: bool = False
    options: Mapping[str, str] = field(default_factory=dict)


FORMATS: tuple[Format, ...] = (
    Format(  # the version that older QGIS reads without a warning
        "GPKG", ".gpkg", time_zones=False, many_layers=True,
        options={"VERSION": "1.3", "DATETIME_FORMAT": "UTC"},
    ),
    Format("Parquet", ".parquet"),
    Format("FlatGeobuf", ".fgb", dates=False),
    Format(
        "GeoJSON", ".geojson", binary=False, wgs84=True,
        options={"RFC7946": "YES", "COORDINATE_PRECISION": "9"},
    ),
    Format(
        "ESRI Shapefile", ".shp", name_width=10, text_width=254, big_integers=False, time_zones=False,
        times=False, binary=False, empty_text=False, mixed=False, options={"ENCODING": "UTF-8"},
    ),
    Format(
        "OpenFileGDB", ".gdb", big_integers=False, time_zones=False, dates=False, booleans=False,
        plain_names=True, mixed=False, grid=True, many_layers=True,
    ),
    Format(
        "GML", ".gml", binary=False, empty_text=False, plain_names=True, coded_crs=True,
        options={"FORMAT": "GML3.2"},
    ),
    Format("CSV", ".csv", binary=False, empty_text=False, crs=False),
)  # fmt: skip


@dataclass(frozen=True)
class Info:
    """How a layer is declared in its file.

    Parameters
    ----------
    path, layer
        File, and layer where a file holds several.
    driver
        Name of the format in GDAL.
    crs
        CRS, None where the file names none.
    encoding
        Encoding of its texts.
    geometry_type
        Declared type of the geometry, None where there is none.
    fields
        Types by the names of the fields.
    rows
        Number of rows, -1 where it takes reading the file to know it.
    measured
        Whether its geometry is declared with measures (M).
    """

    path: str
    layer: str | None
    driver: str
    crs: CRS | None
    encoding: str | None
    geometry_type: str | None
    fields: Mapping[str, str]
    rows: int
    measured: bool = False

    @property
    def spatial(self) -> bool:
        """Whether the layer has geometry."""
        return self.geometry_type is not None

    @property
    def name(self) -> str:
        """File and layer, for messages."""
        return f"{self.path}{SEPARATOR}{self.layer}" if self.layer else self.path


def split_name(name: str | Path) -> tuple[str, str | None]:
    """Return path and layer of a name such as ``cadastre.gpkg|parcels``.

    Examples
    --------
    >>> split_name("cadastre.gpkg|parcels"), split_name("parcels.shp")
    (('cadastre.gpkg', 'parcels'), ('parcels.shp', None))
    """
    path, _, layer = str(name).partition(SEPARATOR)
    return path, layer or None


def format_of(path: str | Path) -> Format:
    """Return the format of a file by its suffix; LayerError if it is none that can be written.

    Examples
    --------
    >>> format_of("parcels.gpkg").driver
    'GPKG'
    """
    suffix = Path(str(path)).suffix.lower()
    for known in FORMATS:
        if suffix in (known.suffix, ".json" if known.suffix == ".geojson" else None):
            return known
    raise LayerError(
        f"{path}: {suffix or 'no suffix'} is no format that can be written. "
        f"Use one of {' '.join(known.suffix for known in FORMATS)}."
    )


def driver_of(driver: str) -> Format | None:
    """Return the format that GDAL calls by a name, None if it is none that can be written."""
    return {known.driver: known for known in FORMATS}.get(driver)


def short_names(names: Iterator[str] | list[str], width: int) -> dict[str, str]:
    """Return names cut to a width, told apart by a number where two are the same when cut.

    Examples
    --------
    >>> short_names(["municipality_code", "municipality_name", "area"], 10)
    {'municipality_code': 'municipali', 'municipality_name': 'municipa_1', 'area': 'area'}
    """
    found: dict[str, str] = {}
    taken: set[str] = set()
    for name in names:
        short, number = _fitting(name, width), 0
        while short.upper() in taken:
            number += 1
            short = f"{_fitting(name, width - len(str(number)) - 1)}_{number}"
        taken.add(short.upper())
        found[name] = short
    return found


def _fitting(name: str, width: int) -> str:
    while len(name.encode()) > width:
        name = name[:-1]
    return name


def concerns(info: Info, target: Format) -> Iterator[str]:
    """Return what a format cannot hold of a layer, by what the layer declares, in sentences.

    Examples
    --------
    >>> info = Info("a.gpkg", "a", "GPKG", None, None, None, {"municipality": "str"}, 0)
    >>> for concern in concerns(info, format_of("a.shp")):
    ...     print(concern)
    ESRI Shapefile cuts names to 10 characters: municipality becomes municipali
    ESRI Shapefile does not tell an empty text from a missing one
    """
    name = target.driver
    width = target.name_width
    if width and (
        cut := [f"{old} becomes {new}" for old, new in short_names(list(info.fields), width).items() if old != new]
    ):
        yield f"{name} cuts names to {width} characters: {', '.join(cut)}"
    if target.plain_names and (
        odd := [field for field in info.fields if not (field.isidentifier() and field.isascii())]
    ):
        yield f"{name} has names of letters, digits and underscores; others are written so: {', '.join(odd)}"
    kinds = {field: "day" if kind in DAYS else kind.lower() for field, kind in info.fields.items()}
    wide = {"ESRI Shapefile": "becomes a number of up to 18 digits"}.get(name, "becomes a decimal number")
    yield from _lacking(kinds, ("int64",), target.big_integers, f"{name} has no 64-bit integers", wide)
    yield from _lacking(kinds, ("bool",), target.booleans, f"{name} has no booleans", "becomes 0 or 1")
    yield from _lacking(kinds, ("datetime", "timestamp"), target.times, f"{name} has no times of day", "becomes text")
    yield from _lacking(kinds, ("day",), target.dates, f"{name} has no dates alone", "becomes a time at midnight")
    if target.times:
        yield from _lacking(
            kinds, ("datetime", "timestamp"), target.time_zones, f"{name} keeps no time zones", "is in UTC"
        )
    if info.spatial and info.crs is not None:
        if not target.crs:
            yield f"{name} names no CRS; coordinates are text (WKT) in {info.crs.to_string()}"
        if target.wgs84 and not info.crs.equals(CRS("OGC:CRS84"), ignore_axis_order=True):
            yield f"{name} is always in WGS 84, so coordinates move from {info.crs.name}, with 9 decimals"
        if target.coded_crs and info.crs.to_authority() is None:
            yield f"{name} names a CRS by its code, and {info.crs.name} has none, so the file names no CRS"
    if info.spatial and target.grid:
        yield f"{name} rounds coordinates to a grid of 0.1 mm, or 0.000000001 degrees"
    if not target.empty_text:
        yield f"{name} does not tell an empty text from a missing one"


def _lacking(kinds: Mapping[str, str], words: tuple[str, ...], there: bool, what: str, then: str) -> Iterator[str]:
    found = [field for field, kind in kinds.items() if any(word in kind for word in words)]
    if found and not there:
        yield f"{what}: {', '.join(found)} {then}"
