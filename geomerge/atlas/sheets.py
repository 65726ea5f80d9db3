"""Sheets: what each map of a reform shows: the whole of it, one unit, one unit of a level, or one date."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

import geopandas as gpd
import numpy as np
import shapely

from geomerge.atlas.reform import Reform
from geomerge.atlas.style import BESIDE, Kind, Style
from geomerge.drawing import changed_units
from geomerge.errors import InputError
from geomerge.layout import Extent
from geomerge.maps import extent_of

ViewKind = Literal["before", "after", "change"]

STATUSES: Final = {"before": ("kept", "removed"), "after": ("kept", "new"), "change": ("kept", "removed", "new")}


@dataclass(frozen=True)
class View:
    """One map of a sheet: units with ``change``, which is ``beside`` where the sheet is not of them, and lines."""

    kind: ViewKind
    units: gpd.GeoDataFrame
    lines: gpd.GeoDataFrame

    @property
    def statuses(self) -> tuple[str, ...]:
        """The lines it shows."""
        return STATUSES[self.kind]


@dataclass(frozen=True)
class Sheet:
    """A page: what it is called, what it is of, and the maps on it.

    ``days`` are its first and its last date, or the only one; ``old`` holds the units that a unit is made of, each
    with its name and whether only a part of it is.
    """

    name: str
    kind: Kind
    views: tuple[View, ...]
    extent: Extent
    code: str = ""
    unit: str = ""
    days: tuple[str, ...] = ()
    old: tuple[tuple[str, str, bool], ...] = ()
    gone: bool = False
    title: str = ""


def overview_sheets(reform: Reform) -> Iterator[Sheet]:
    """Yield the whole reform: before, after, and what changes."""
    both = changed_units(reform.before, reform.after)
    for view in (
        View("before", reform.before, reform.lines),
        View("after", reform.after, reform.lines),
        View("change", both, reform.lines),
    ):
        extent = extent_of(reform.before, reform.after, "auto")
        yield Sheet(view.kind, "overview", (view,), extent, days=reform.days, title=reform.title)


def unit_codes(reform: Reform, style: Style, wanted: Collection[str] = ()) -> list[str]:
    """Return the units that get a map: those asked for, or those that something happens to which the style names.

    A unit that is gone stands for its successors, or for itself where it has none.
    """
    if unknown := [code for code in wanted if code not in reform.codes]:
        from geomerge.days import hint

        raise InputError(*(f"No unit has the code {code} (--units). {hint(code, reform.codes)}" for code in unknown))
    if wanted:
        after = set(reform.after["code"])
        found = [code if code in after else (reform.successors(code) or [code]) for code in wanted]
        return list(dict.fromkeys(code for one in found for code in ([one] if isinstance(one, str) else one)))
    both = changed_units(reform.before, reform.after)
    return list(both["code"][both["change"].isin(style.units.changes)])


def unit_sheet(reform: Reform, code: str, view: Literal["both", "change"]) -> Sheet:
    """Return the sheet of one unit: what it is made of, its lines that go and come, and its neighbours."""
    pieces, legal = reform.pieces, reform.pieces["kind"] != "correction"
    there = bool((reform.after["code"] == code).any())
    to = pieces["new_code" if there else "old_code"] == code
    old = list(dict.fromkeys(pieces["old_code"][to & legal].dropna()))
    others = pieces["old_code"].isin(old) & ~to & legal
    divided = set(pieces["old_code"][others])
    extent = _around(shapely.total_bounds(pieces.geometry[to | (pieces["old_code"] == code)].to_numpy()))
    kinds: tuple[ViewKind, ...] = ("before", "after") if view == "both" else ("change",)
    views = _views(reform, old, {code}, kinds)
    names = dict(zip(reform.before["code"], reform.before["name"], strict=True))
    table = reform.after if there else reform.before
    row = table[table["code"] == code].iloc[0]
    return Sheet(
        f"unit_{_file_name(code)}",
        "unit",
        _near(views, extent),
        extent,
        code=code,
        unit=str(row["name"]),
        days=_days(row.get("valid_from"), reform),
        old=tuple((one, str(names[one]), one in divided) for one in sorted(old)) if there else (),
        gone=not there,
        title=reform.title,
    )


def level_sheets(reform: Reform, level: str) -> Iterator[Sheet]:
    """Yield one sheet for each unit of a level, such as a county, that something happens in."""
    parents = reform.parents[reform.parents["level"] == level]
    for code, name, geometry in zip(*(reform.levels[level][c] for c in ("code", "name", "geometry")), strict=True):
        new = set(parents["new_code"][parents["new_parent"] == code])
        old = set(reform.pieces["old_code"][reform.pieces["new_code"].isin(new)].dropna())
        if not (reform.after["change"][reform.after["code"].isin(new)] != "unchanged").any():
            continue
        views = _views(reform, old, new, ("before", "after"))
        extent = _around(shapely.bounds(geometry))
        yield Sheet(
            f"{level}_{_file_name(code)}",
            "level",
            _near(views, extent),
            extent,
            code,
            name,
            reform.days,
            title=reform.title,
        )


def date_sheets(states: Iterable[Reform]) -> Iterator[Sheet]:
    """Yield one sheet for each date: the units before and after it."""
    for state in states:
        views = (View("before", state.before, state.lines), View("after", state.after, state.lines))
        day = state.dates[0]
        extent = extent_of(state.before, state.after, "auto")
        yield Sheet(f"date_{day}", "date", _near(views, extent), extent, days=(day,), title=state.title)


def named_apart(sheets: Sequence[Sheet]) -> list[Sheet]:
    """Return the sheets with names that differ where file systems do not tell capitals apart."""
    taken: dict[str, int] = {}
    found = []
    for sheet in sheets:
        taken[sheet.name.lower()] = taken.get(sheet.name.lower(), 0) + 1
        number = taken[sheet.name.lower()]
        found.append(sheet if number == 1 else replace(sheet, name=f"{sheet.name}~{number}"))
    return found


def _file_name(code: str) -> str:
    return re.sub(r"[^\w-]", "_", code)


def _days(value: object, reform: Reform) -> tuple[str, ...]:
    """Return the day of a unit, where the run knows it."""
    if isinstance(value, str) and value:
        return (value,)
    return reform.dates if len(reform.dates) == 1 else ()


def _only(table: gpd.GeoDataFrame, codes: Collection[str]) -> gpd.GeoDataFrame:
    """Return the units with what happens to these; all others are beside them."""
    return table.assign(change=table["change"].where(table["code"].isin(codes), BESIDE))


def _views(reform: Reform, old: Collection[str], new: Collection[str], kinds: Sequence[ViewKind]) -> tuple[View, ...]:
    """Return the views of some units; all others are beside them."""
    tables = {
        "before": lambda: _only(reform.before, old),
        "after": lambda: _only(reform.after, new),
        "change": lambda: _only(changed_units(reform.before, reform.after), new),
    }
    return tuple(View(kind, tables[kind](), _lines_of(reform.lines, new, kind)) for kind in kinds)


def _lines_of(lines: gpd.GeoDataFrame, codes: Collection[str], kind: ViewKind) -> gpd.GeoDataFrame:
    """Return the lines as seen from some units: what goes or comes elsewhere is but a line there."""
    mine = lines["left_new"].isin(codes) | lines["right_new"].isin(codes)
    mine |= (lines["left_old"].isin(codes) | lines["right_old"].isin(codes)) & (lines["status"] == "removed")
    there = "removed" if kind == "before" else "new"
    status = lines["status"].mask(~mine & (lines["status"] == there), "kept")
    return lines.assign(status=status)[mine | (status == "kept")]


def _around(bounds: Sequence[float] | np.ndarray[tuple[int], np.dtype[np.float64]]) -> Extent:
    west, south, east, north = (float(value) for value in bounds)
    margin = 0.08 * max(east - west, north - south) or 1.0
    return west - margin, south - margin, east + margin, north + margin


def _near(views: Iterable[View], extent: Extent) -> tuple[View, ...]:
    """Return the views without what no page can show that shows the extent."""
    reach = 3 * max(extent[2] - extent[0], extent[3] - extent[1])
    window = (extent[0] - reach, extent[1] - reach, extent[2] + reach, extent[3] + reach)

    def near(table: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
        box = shapely.bounds(table.geometry.to_numpy()).reshape(-1, 4)
        return table[(box[:, :2] <= window[2:]).all(axis=1) & (box[:, 2:] >= window[:2]).all(axis=1)]

    return tuple(View(view.kind, near(view.units), near(view.lines)) for view in views)
