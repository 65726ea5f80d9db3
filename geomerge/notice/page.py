"""The page of a notice that people read: one HTML file that needs no network and no script."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jinja2

from geomerge.page.texts import read_texts

HEADINGS = {"id": "Id", "jsonl": "JSON lines"}


@dataclass(frozen=True)
class Listing:
    """A table of the page: the rows that are shown, and how many there are."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    total: int
    file: str
    folded: bool = False

    @property
    def headings(self) -> list[str]:
        """The columns as people read them."""
        return [HEADINGS.get(column, column.replace("_", " ").capitalize()) for column in self.columns]


def page(notice: Mapping[str, Any], listings: Sequence[Listing]) -> str:
    """Return the page; all texts of the notice are escaped.

    Parameters
    ----------
    notice
        The content of ``notice.json``.
    listings
        The tables to show, in order.
    """
    loader = jinja2.PackageLoader("geomerge")
    environment = jinja2.Environment(autoescape=True, loader=loader, lstrip_blocks=True, trim_blocks=True)
    environment.undefined = jinja2.StrictUndefined
    environment.filters["number"] = read_texts("en").number
    return environment.get_template("notice.html.j2").render(notice=notice, listings=listings)
