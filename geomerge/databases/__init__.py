"""Databases: tables of PostGIS as layers, and registers recoded where they are; all in one transaction, or nothing."""

from __future__ import annotations

from geomerge.databases.address import Address, file_name, is_database, read_address, require_no_password, shown
from geomerge.databases.reading import DRIVER, describe, layer_names, read, read_content, reading_all
from geomerge.databases.registers import Recoded, Register, recode_tables, undo_tables

__all__ = [
    "DRIVER", "Address", "Recoded", "Register", "describe", "file_name", "is_database", "layer_names", "read",
    "read_address", "read_content", "reading_all", "recode_tables", "require_no_password", "shown", "undo_tables",
]  # fmt: skip
