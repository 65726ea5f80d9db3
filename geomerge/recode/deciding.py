"""Decide what becomes of the columns about one unit: by its code, else by key, address or place, else by a person."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet

import numpy as np
import pandas as pd

from geomerge.keyrules import concerns
from geomerge.recode import fates, places, rewording
from geomerge.recode.cells import Cells, Indices
from geomerge.recode.fates import ENDED, NEW, REUSED, SAME, SPLIT, UNKNOWN, UNNAMED, WHOLE
from geomerge.recode.groups import Flags, Group, Texts, Told
from geomerge.recode.keys import Keys, by_rule
from geomerge.recode.ledger import SEVERAL
from geomerge.recode.sight import BLANK, Sight, look
from geomerge.recode.translation import Step, Translation
from geomerge.registers import RegisterConfig


def decide(
    group: Group, table: Mapping[str, Cells], register: RegisterConfig, translation: Translation, position: int
) -> Told:
    """Return what becomes of the columns of a group.

    Parameters
    ----------
    group
        The columns.
    table
        Distinct combinations of all needed columns.
    register, translation
        As of :func:`geomerge.recode.translate.translate`.
    position
        After which change the rows are.
    """
    step, last = translation.step(position), position + 1 >= len(translation.days)
    old = register.state == "old"
    if not group.coded:
        return rewording.parents_alone(group, table, step, translation, old)
    sight = look(group, table, step, translation, old)
    told = Told.empty(len(sight.code))
    _by_code(sight, told, step)
    if last and translation.ledger is not None:
        for at, keys in enumerate(sight.keys):
            _by_ledger(sight, told, at, keys, step, translation, old)
    if last:
        _by_surroundings(group, table, sight, told, translation)
    for at, keys in enumerate(sight.keys):
        _number(sight, told, at, keys, translation)
    rewording.write(group, table, sight, told, step, translation)
    return told


def _by_code(sight: Sight, told: Told, step: Step) -> None:
    """Decide what a code decides by itself."""
    status = sight.status
    for kind, reason in (
        (BLANK, fates.NO_CODE),
        (SAME, fates.NOT_AFFECTED),
        (NEW, fates.ALREADY_NEW),
        (UNNAMED, fates.NOT_NAMED),
    ):
        told.reason[status == kind] = reason
    for kind, reason in (
        (UNKNOWN, fates.NO_SUCH_CODE),
        (ENDED, fates.NOTHING_FOLLOWS),
        (SPLIT, fates.UNDECIDED),
        (REUSED, fates.BOTH),
    ):
        told.turn(status == kind, reason)
    unreadable = sight.fault != ""
    told.turn(unreadable, sight.fault[unreadable])
    sight.status = np.where(unreadable, np.int8(UNKNOWN), status)
    decided = np.isin(sight.status, (SAME, WHOLE))
    sight.target[decided] = [step.heirs[code][0] for code in sight.code[decided]]
    sight.by[decided] = "code"


def _by_ledger(sight: Sight, told: Told, at: int, keys: Keys, step: Step, translation: Translation, old: bool) -> None:
    """Decide rows by their keys, where the ledger holds these."""
    ledger = translation.ledger_as(keys.layout)
    assert ledger is not None
    open_to_keys = np.isin(sight.status, (SAME, WHOLE, SPLIT, REUSED)) & (keys.texts != None)  # noqa: E711
    there = pd.Series(sight.code).isin(ledger.codes).to_numpy() | np.isin(sight.status, (SPLIT, REUSED))
    rows = np.flatnonzero(open_to_keys & there)
    if not len(rows):
        return
    found, new, taken = ledger.find(keys.texts[rows])
    mine, status = keys.texts[rows], sight.status[rows]
    hit = found >= 0
    both = hit & (new != mine) & taken & (not old)
    codes = np.array([key.rpartition("-")[0] if key else None for key in new], dtype=object)
    follows = np.array([code in step.heirs[was] for code, was in zip(codes, sight.code[rows], strict=True)], dtype=bool)
    other = (sight.by[rows] == "key") & (codes != sight.target[rows])
    for wrong, reason in (
        (both, fates.BOTH_KEY),
        (found == SEVERAL, fates.KEY_SEVERAL),
        (hit & ~both & ~follows, fates.KEY_ASTRAY),
        (hit & ~both & follows & other, fates.KEYS_DISAGREE),
    ):
        told.turn(rows[wrong], reason)
        sight.target[rows[wrong]] = None
        sight.status[rows[wrong]] = UNKNOWN
    good = hit & ~both & follows & ~other
    _settle(sight, told, rows[good], codes[good], "key")
    sight.new_keys[at][rows[good]] = new[good]
    known = np.array([code in step.new for code in sight.code[rows]], dtype=bool)
    done = rows[~hit & (found != SEVERAL) & taken & known & np.isin(status, (SPLIT, REUSED))]
    told.outcome[done], told.reason[done] = fates.KEPT, fates.ALREADY_NEW
    sight.status[done] = NEW


def _settle(sight: Sight, told: Told, rows: Indices, codes: Texts, by: str) -> None:
    """Note the new codes of rows that were open, or decided by their code alone."""
    told.outcome[rows], told.reason[rows] = fates.KEPT, fates.NOT_AFFECTED  # until something changes
    sight.target[rows], sight.by[rows] = codes, by


def _by_surroundings(
    group: Group, table: Mapping[str, Cells], sight: Sight, told: Told, translation: Translation
) -> None:
    """Decide rows of split units by their address, else by their place."""
    if group.address is not None:
        rows = _undecided(sight)
        codes, several = places.by_address(rows, sight.code, table, group.address, translation.addresses)
        told.turn(rows[several], fates.ADDRESS_SEVERAL)
        found = codes != None  # noqa: E711
        _settle(sight, told, rows[found], codes[found], "address")
    if group.place is not None and translation.pieces is not None:
        rows = _undecided(sight)
        codes, reasons = places.by_place(rows, sight.code, table, group.place, translation.pieces)
        found = codes != None  # noqa: E711
        _settle(sight, told, rows[found], codes[found], "place")
        told.reason[rows[~found]] = reasons[~found]


def _undecided(sight: Sight) -> Indices:
    return np.flatnonzero(np.isin(sight.status, (SPLIT, REUSED)) & (sight.target == None))  # noqa: E711


def _number(sight: Sight, told: Told, at: int, keys: Keys, translation: Translation) -> None:
    """Give the keys that the ledger does not hold new numbers by rule, where their unit is decided."""
    pending = (keys.texts != None) & (sight.new_keys[at] == None) & (sight.target != None)  # noqa: E711
    moved = pending & (sight.target != sight.code)
    ledger, plan = translation.ledger_as(keys.layout), translation.plan
    renumbered = ledger.renumbered if ledger is not None else frozenset[tuple[str, str]]()
    pairs = _pairs(sight, np.flatnonzero(pending))
    ruled = {pair for pair in pairs if plan is not None and any(concerns(rule, *pair) for rule in plan.keys)}
    unknown = moved & _among(sight, pairs, renumbered - ruled)
    told.turn(unknown, fates.KEY_UNKNOWN)
    stays = pending & ~moved & (sight.status == SPLIT) & _among(sight, pairs, ruled | renumbered)
    told.turn(stays, fates.BOTH_KEY)
    sight.target[unknown | stays] = None
    rows = np.flatnonzero(moved & ~unknown)
    if len(rows):
        sight.new_keys[at][rows] = by_rule(keys.texts[rows], sight.target[rows], plan, keys.layout)


def _pairs(sight: Sight, rows: Indices) -> set[tuple[str, str]]:
    return set(zip(sight.code[rows].tolist(), sight.target[rows].tolist(), strict=True))


def _among(sight: Sight, pairs: set[tuple[str, str]], wanted: AbstractSet[tuple[str, str]]) -> Flags:
    """Return which rows go from one code to another that are among some pairs."""
    found = np.zeros(len(sight.code), dtype=bool)
    for old, new in sorted(pairs & set(wanted)):
        found |= (sight.code == old) & (sight.target == new)
    return found
