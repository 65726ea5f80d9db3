"""The inventory as a page: one HTML file that needs no network and no script."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from geomerge.inventory.judging import CODES, Verdict
from geomerge.inventory.keys import KeyRole
from geomerge.inventory.result import listed

if TYPE_CHECKING:
    from geomerge.inventory.result import Inventory, TableFound

LOOKS = 0.3  # share of rows that are codes, from which a column that holds none is worth a word
OURS = (*CODES, "key number", "name", "parent name")


@dataclass(frozen=True)
class Line:
    """A column as the page shows it.

    Parameters
    ----------
    name, kind, holds, certainty, confidence
        The column, its type, what it holds and how sure that is.
    facts
        What else there is to know, one phrase each.
    reasons
        Why.
    ours
        Whether it is about units, and does not only look so.
    """

    name: str
    kind: str
    holds: str
    certainty: str
    confidence: str
    facts: tuple[str, ...]
    reasons: tuple[str, ...]
    ours: bool


@dataclass(frozen=True)
class Section:
    """A table as the page shows it.

    Parameters
    ----------
    name
        Source and table.
    size
        How many rows were read of how many.
    concern
        What is wrong with its rows.
    lines
        Columns that hold something.
    others
        Names of the other columns.
    """

    name: str
    size: str
    concern: str
    lines: tuple[Line, ...]
    others: tuple[str, ...]

    @property
    def ours(self) -> bool:
        """Whether a column is about units."""
        return any(line.ours for line in self.lines)


def page(inventory: Inventory, title: str) -> str:
    """Return an inventory as one HTML page, the same for the same inventory; what it shows is escaped."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("geomerge"), autoescape=True, undefined=jinja2.StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    sections = [_section(table) for table in inventory.found]
    verdicts = [verdict for table in inventory.found for verdict in table.verdicts]
    held = Counter(verdict.holds for verdict in verdicts if verdict.holds in OURS)
    return environment.get_template("inventory.html.j2").render(
        title=title,
        summary=[
            (len(sections), "tables"),
            (len(verdicts), "columns"),
            *((held[what], what) for what in OURS if held[what]),
        ],
        unclear=sum(verdict.certainty == "unclear" and verdict.holds in OURS for verdict in verdicts),
        sampled=inventory.sampled,
        with_codes=[section for section in sections if section.ours],
        without=[section for section in sections if not section.ours],
        problems=inventory.problems.to_dict("records"),
        skipped=inventory.skipped.to_dict("records"),
        registers=inventory.registers(),
    )


def _section(table: TableFound) -> Section:
    lines = [_line(*each) for each in zip(table.verdicts, table.roles, strict=True) if _shown(each[0])]
    size = (
        f"all {table.rows} rows were read"
        if table.read >= table.rows
        else f"{table.read} of {table.rows} rows were read"
    )
    others = tuple(verdict.profile.name for verdict in table.verdicts if not _shown(verdict))
    ordered = sorted(lines, key=lambda line: not line.ours)
    return Section(table.name, size, table.concern, tuple(ordered), others)


def _shown(verdict: Verdict) -> bool:
    return bool(verdict.holds) or verdict.looks >= LOOKS


def _line(verdict: Verdict, role: KeyRole) -> Line:
    profile = verdict.profile
    confidence = f"{verdict.confidence:.2f}" if verdict.holds else ""
    holds = verdict.holds or "nothing known"
    return Line(
        profile.name, profile.kind, holds, verdict.certainty, confidence, tuple(_facts(verdict, role)),
        verdict.reasons, verdict.holds in OURS,
    )  # fmt: skip


def _facts(verdict: Verdict, role: KeyRole) -> list[str]:
    profile, details = verdict.profile, verdict.details or {}
    about = "" if verdict.exact else "about "
    facts = [f"{profile.filled} of {profile.rows} rows filled, {about}{verdict.distinct} different values"]
    if verdict.vintage:
        facts.append(verdict.vintage)
    if verdict.unknown:
        facts.append(f"unknown codes: {listed(verdict.unknown)}")
    if verdict.changing is not None:
        facts.append(f"the plan changes {len(verdict.changing)} codes in {sum(verdict.changing.values())} rows")
    if verdict.lost:
        facts.append(f"{verdict.lost} rows lost leading zeros")
    if profile.numeric and verdict.holds in CODES:
        facts.append("numbers, which cannot hold leading zeros")
    if profile.blanks:
        facts.append(f"blanks around {profile.blanks} values")
    facts += [f"{key}: {details[key]}" for key in ("layout", "pattern", "about") if details.get(key)]
    if verdict.holds not in OURS and verdict.looks >= LOOKS:
        facts.append(f"looks like codes of units in {verdict.looks:.0%} of the rows")
    if role.role:
        facts.append(f"{role.role} key ({role.confidence:.2f}): {role.says}")
    return facts
