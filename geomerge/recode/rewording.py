"""Write what was decided into the columns of a group: codes, keys, parents and names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from geomerge.recode import fates
from geomerge.recode.cells import Cells, Indices, paired, put_code, read_code
from geomerge.recode.fates import ENDED, NEW, REUSED, SAME, SPLIT, UNKNOWN, UNNAMED, WHOLE
from geomerge.recode.groups import Group, Texts, Told
from geomerge.recode.keys import numbers_of, put_numbers
from geomerge.recode.keytext import Layout, put_keys
from geomerge.recode.sight import Sight
from geomerge.recode.translation import Step, Translation
from geomerge.registers import ColumnConfig

Change = tuple[str | None, str | None]
Names = Callable[[str, str], Change]

MARK = "\x1f"  # between an old code and a new one
LEFT = "\0left"  # stands for a cell that holds something else than it should

STAYS = {SAME: fates.NOT_AFFECTED, NEW: fates.ALREADY_NEW, UNNAMED: fates.NOT_NAMED}
ASKS = {
    UNKNOWN: fates.NO_SUCH_CODE,
    ENDED: fates.NOTHING_FOLLOWS,
    SPLIT: fates.UNDECIDED,
    REUSED: fates.BOTH,
    WHOLE: fates.UNFIT,
    **dict.fromkeys(STAYS, fates.NO_SUCH_CODE),
}


def write(
    group: Group, table: Mapping[str, Cells], sight: Sight, told: Told, step: Step, translation: Translation
) -> None:
    """Write new values of all columns of a group, and say which rows are recoded."""
    decided = np.flatnonzero((sight.target != None) & (told.outcome != fates.REVIEW))  # noqa: E711
    moved = decided[sight.target[decided] != sight.code[decided]]
    changed = np.zeros(len(told.outcome), dtype=bool)
    for name, column in group.coded.items():
        if column.holds != "key":
            _put_codes(name, column, table[name], moved, sight, told, changed)
    for keys, new in zip(sight.keys, sight.new_keys, strict=True):
        rows = decided[(new[decided] != None) & (new[decided] != keys.texts[decided])]  # noqa: E711
        (name, *_) = keys.columns
        if name in group.coded:
            values = _new_keys(table[name], rows, new, keys.layout)
            unfit = values == None  # noqa: E711
            told.turn(rows[unfit], fates.UNFIT_KEY)
            _put(name, rows[~unfit], values[~unfit], told, changed)
        else:
            _put_parts(keys.columns, table, rows, new, told, changed)
    for name, column in group.coded.items():
        if column.holds == "key":  # a key without a number has a code all the same
            bare = moved[[sight.new_keys[_at(sight, name)][row] is None for row in moved.tolist()]]
            _put_codes(name, column, table[name], bare, sight, told, changed)
    _put_above(group, table, decided, sight, told, changed, step, translation)
    rows = np.flatnonzero(changed & (told.outcome != fates.REVIEW))
    told.outcome[rows], told.reason[rows], told.by[rows] = fates.RECODED, "", sight.by[rows]


def _at(sight: Sight, name: str) -> int:
    return next(at for at, keys in enumerate(sight.keys) if keys.columns == (name,))


def _put(name: str, rows: Indices, values: Texts, told: Told, changed: Any) -> None:
    told.put(name, rows, values)
    changed[rows] = True


def _put_codes(
    name: str, column: ColumnConfig, cells: Cells, rows: Indices, sight: Sight, told: Told, changed: Any
) -> None:
    reads = sight.reads[name]
    rows = rows[[cells.place[row] >= 0 and reads[cells.place[row]].code is not None for row in rows.tolist()]]
    values = paired(
        cells.place[rows],
        sight.target[rows],
        lambda place, code: put_code(cells.values[place], reads[place], code, column),
    )
    unfit = values == None  # noqa: E711
    told.turn(rows[unfit], fates.UNFIT)
    _put(name, rows[~unfit], values[~unfit], told, changed)


def _new_keys(cells: Cells, rows: Indices, new: Texts, layout: Layout) -> Texts:
    return put_keys([cells.values[place] for place in cells.place[rows].tolist()], new[rows].tolist(), layout)


def _put_parts(
    columns: tuple[str, ...], table: Mapping[str, Cells], rows: Indices, new: Texts, told: Told, changed: Any
) -> None:
    for name, numbers in zip(columns, numbers_of(new[rows], len(columns)), strict=True):
        cells = table[name]
        values = put_numbers(cells, rows, numbers)
        was = cells.take(rows).each(lambda value: value)
        other = np.array([a != b for a, b in zip(values, was, strict=True)], dtype=bool)
        _put(name, rows[other], values[other], told, changed)


def _put_above(
    group: Group,
    table: Mapping[str, Cells],
    rows: Indices,
    sight: Sight,
    told: Told,
    changed: Any,
    step: Step,
    translation: Translation,
) -> None:
    """Give rows the parent and the names of their new unit, where they have those of the old one."""
    led = sight.code[rows] + MARK + sight.target[rows]
    old, new = translation, step

    def unit_names(code: str, target: str) -> Change:
        return old.names.get(code), new.names.get(target)

    def parent_names(code: str, target: str) -> Change:
        above = old.parents.get(code), new.parents.get(target)
        return old.parent_names.get(above[0] or ""), old.parent_names.get(above[1] or "")

    for name, names in ((group.name, unit_names), (group.parent_name, parent_names)):
        if name is not None:
            cells = table[name]
            values = paired(cells.place[rows], led, _renaming(cells.values, names))
            left = values == LEFT
            told.names_left[rows[left]] = True
            other = (values != None) & ~left  # noqa: E711
            _put(name, rows[other], values[other], told, changed)
    if group.parent is not None:
        cells, column = table[group.parent], group.columns[group.parent]

        def above(place: int, link: str) -> Any:
            code, _, target = link.partition(MARK)
            return _new_parent(cells.values, place, column, old.parents.get(code), new.parents.get(target))

        values = paired(cells.place[rows], led, above)
        wrong = values == LEFT
        told.turn(rows[wrong], fates.PARENT_DISAGREES)
        other = (values != None) & ~wrong  # noqa: E711
        _put(group.parent, rows[other], values[other], told, changed)


def _new_parent(values: tuple[Any, ...], place: int, column: ColumnConfig, old: str | None, new: str | None) -> Any:
    """Return a cell with the new parent in it; None if it stays, LEFT if it is neither the old nor the new one."""
    if place < 0:
        return None
    read = read_code(values[place], column)
    if (read.code is None and not read.fault) or (read.code is not None and read.code == new):
        return None
    if read.fault or read.code != old or new is None:
        return LEFT
    made = put_code(values[place], read, new, column)
    return LEFT if made is None else made


def _renaming(values: tuple[Any, ...], names: Names) -> Any:
    """Return what gives a cell the new name, None where it stays, LEFT where it holds another name."""

    def rename(place: int, link: str) -> Any:
        code, _, target = link.partition(MARK)
        old, new = names(code, target)
        if place < 0 or (old is not None and old == new):
            return None
        value = values[place]
        text = value.strip() if isinstance(value, str) else ""
        if not text or (new is not None and text.casefold() == new.casefold()):
            return None
        if new is None or old is None or text.casefold() != old.casefold():
            return LEFT if code != target or old != new else None
        return value.replace(text, new.upper() if text.isupper() else new)

    return rename


def parents_alone(group: Group, table: Mapping[str, Cells], step: Step, translation: Translation, old: bool) -> Told:
    """Recode parents that stand alone, by what became of all their units."""
    name = str(group.parent)
    cells, column = table[name], group.columns[name]
    told = Told.empty(len(cells.place))
    reads = [read_code(value, column) for value in cells.values]
    codes = [read.code or "" for read in reads]
    kinds = fates.statuses(codes, step, complete=translation.complete, parents=True, old=old)
    changed = np.zeros(len(cells.place), dtype=bool)
    told.reason[cells.place < 0] = fates.NO_CODE
    for place, (value, read, kind) in enumerate(zip(cells.values, reads, kinds.tolist(), strict=True)):
        rows = np.flatnonzero(cells.place == place)
        if read.code is None and not read.fault:
            told.reason[rows] = fates.NO_CODE
        elif kind == WHOLE and not read.fault:
            made = put_code(value, read, str(step.parent_heirs[str(read.code)][0]), column)
            if made is None:
                told.turn(rows, fates.UNFIT)
            else:
                _put(name, rows, np.full(len(rows), made, dtype=object), told, changed)
                told.outcome[rows], told.by[rows] = fates.RECODED, "code"
        elif kind in STAYS and not read.fault:
            told.reason[rows] = STAYS[kind]
        else:
            told.turn(rows, read.fault or ASKS[kind])
    return told
