"""Checks: each takes tables and returns findings. They prove that nothing was lost."""

from geomerge.checks.areas import area_balance, check_balance, check_lost, check_unit_areas, unit_balance
from geomerge.checks.names import check_names
from geomerge.checks.rows import check_codes, check_counts, check_ids, check_neighbours, check_places
from geomerge.checks.shapes import check_levels, check_same, check_units, check_untouched
from geomerge.checks.thin import check_thin

__all__ = [
    "area_balance",
    "check_balance",
    "check_codes",
    "check_counts",
    "check_ids",
    "check_levels",
    "check_lost",
    "check_names",
    "check_neighbours",
    "check_places",
    "check_same",
    "check_thin",
    "check_unit_areas",
    "check_units",
    "check_untouched",
    "unit_balance",
]
