"""Registers that are tables of a database, SQLite and GeoPackage among them: all in one transaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from geomerge import databases
from geomerge.errors import InputError
from geomerge.findings import Finding
from geomerge.recode.outcome import RegisterResult
from geomerge.recode.tally import for_review
from geomerge.recode.translate import translate, unknown_needs
from geomerge.recode.translation import Translation
from geomerge.registers import RegisterConfig


def recode_database(
    url: str, registers: Sequence[RegisterConfig], translation: Translation, undo: Path | None
) -> dict[str, RegisterResult]:
    """Recode the registers of one database, or only look where there is no file for the way back."""
    if faults := [fault for register in registers for fault in unknown_needs(register, translation)]:
        raise InputError(*faults)
    tables = [
        databases.Register(
            register.name,
            register.table,
            register.needed,
            register.changing,
            lambda rows, register=register: translate(rows, _without_id(register), translation),  # type: ignore[misc]
            once=translation.mark if register.state == "old" else None,
            identifier=register.id,
        )
        for register in registers
    ]
    found = databases.recode_tables(url, tables, apply=undo is not None, undo=undo)
    return {each.name: _of_table(register, each) for register, each in zip(registers, found, strict=True)}


def _without_id(register: RegisterConfig) -> RegisterConfig:
    """Return a register without its identifier, which rows read by what repeats in them do not have."""
    return register.model_copy(update={"id": None})


def _of_table(register: RegisterConfig, found: databases.Recoded) -> RegisterResult:
    counts = {outcome: found.outcomes.get(outcome, 0) for outcome in ("recoded", "kept", "review")}
    review = found.review.rename(columns={register.id: "id"} if register.id is not None else {})
    reasons = Counter[str]()
    many = review["rows"].tolist() if register.id is None else [1] * len(review)
    for reason, rows in zip(review["reason"].tolist(), many, strict=True):
        reasons[reason] += int(rows)
    notes = [for_review(*each, register.name) for each in sorted(reasons.items(), key=lambda each: (-each[1], each[0]))]
    notes += [Finding("should", "register", note, register.name) for note in found.notes]
    if len(review):
        review.insert(0, "register", register.name)
        review["decision"] = ""
    counts = {"rows": sum(counts.values()), **counts}
    changed = {"rows": found.changed} if found.changed else {}
    return RegisterResult(register.name, register.source, counts, changed, found.sample, review, notes)
