"""Coordinate reference systems: present, the same, fit to measure areas; and the way back to the source."""

from __future__ import annotations

from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import CRS, Transformer

from geomerge.errors import CRSError

if TYPE_CHECKING:
    from geomerge.coverage import Geometries

EARTH_RADIUS = 6_371_000.0


def same_crs(crs: CRS | None, other: CRS | None) -> bool:
    """Return whether two CRS give the same coordinates; names and the order of axes do not count."""
    if crs is None or other is None:
        return crs is other
    return bool(crs.equals(other, ignore_axis_order=True) or crs.to_2d().equals(other.to_2d(), ignore_axis_order=True))


def require_same_crs(**tables: gpd.GeoDataFrame) -> None:
    """Raise CRSError if the tables do not share one CRS; nothing is reprojected in silence."""
    missing = [name for name, table in tables.items() if table.crs is None]
    faults = [f"{name} has no CRS. Say which one it is in with set_crs(...)." for name in missing]
    present = [(name, table.crs) for name, table in tables.items() if table.crs is not None]
    for name, crs in present[1:]:
        first, reference = present[0]
        if not same_crs(reference, crs):
            faults.append(
                f"{name} is in {crs.to_string()}, {first} in {reference.to_string()}. "
                f"Reproject one of them with to_crs(...)."
            )
    if faults:
        raise CRSError(*faults)


def require_projected(table: gpd.GeoDataFrame, what: str) -> None:
    """Raise CRSError if areas and widths cannot be measured in the table's CRS."""
    if table.crs is None:
        raise CRSError(f"{what} has no CRS. Say which one it is in (crs: EPSG:...).")
    if not table.crs.is_projected:
        raise CRSError(
            f"{what} is in {table.crs.to_string()}, whose unit is {length_unit(table.crs)}: areas and widths "
            f"cannot be measured in it. Work in a projected CRS, for example crs: {suggestion(table)}."
        )


def length_unit(crs: CRS | None) -> str:
    """Return the unit of length of a CRS, for texts: ``m``, or its name.

    Examples
    --------
    >>> length_unit(CRS("EPSG:25832")), length_unit(CRS("EPSG:2263"))
    ('m', 'US survey foot')
    """
    if crs is None:
        return "units"
    name = str(crs.axis_info[0].unit_name)
    return "m" if name == "metre" else name


def from_metres(length: float, crs: CRS | None) -> float:
    """Return a length in metres in the unit of a CRS; of degrees, as many as it is along a meridian.

    Examples
    --------
    >>> from_metres(0.01, CRS("EPSG:25832")), round(from_metres(1000, CRS("EPSG:4326")), 5)
    (0.01, 0.00899)
    """
    if crs is None:
        return length
    factor = crs.axis_info[0].unit_conversion_factor  # to metres, or to radians
    return float(length / factor / (EARTH_RADIUS if crs.is_geographic else 1))


def suggestion(table: gpd.GeoDataFrame) -> str:
    """Return a projected CRS that suits the place of the table."""
    try:
        estimated = table.estimate_utm_crs()
    except (RuntimeError, ValueError):  # empty table, or outside of every zone
        return "EPSG:3857"
    return str(estimated.to_string())


def back_to_source(changed: Geometries, working: Geometries, original: Geometries, crs: CRS, source: CRS) -> Geometries:
    """Return geometries in the CRS of their source; a corner that the source has comes back as it is there.

    Parameters
    ----------
    changed
        Geometries made in the working CRS.
    working, original
        The same geometries in the working CRS and in that of the source, corner by corner.
    crs, source
        The working CRS and that of the source.
    """
    if same_crs(crs, source):
        return changed
    there, first = np.unique(_as_keys(shapely.get_coordinates(working)), return_index=True)
    here = shapely.get_coordinates(original)[first]
    transformer = Transformer.from_crs(crs, source, always_xy=True)

    def move(coordinates: NDArray[np.float64]) -> NDArray[np.float64]:
        moved = np.column_stack(transformer.transform(coordinates[:, 0], coordinates[:, 1]))
        keys = _as_keys(coordinates[:, :2])
        at = np.minimum(np.searchsorted(there, keys), len(there) - 1)
        known = there[at] == keys if len(there) else np.zeros(len(keys), dtype=bool)
        moved[known] = here[at[known]]
        return np.column_stack([moved, coordinates[:, 2:]])

    has_z = bool(shapely.has_z(changed).any())
    return np.asarray(shapely.transform(changed, move, include_z=has_z))


def _as_keys(coordinates: NDArray[np.float64]) -> NDArray[np.complex128]:
    return np.ascontiguousarray(coordinates[:, :2]).view(np.complex128).ravel()
