"""Registers: what each column of a table holds, as a job says it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePath
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator

from geomerge.databases.address import require_no_password
from geomerge.keylayout import LayoutOrName
from geomerge.known import KnownCRS, KnownEncoding
from geomerge.selectors import Model, Text

Holds = Literal["unit", "parent", "district", "key", "composite", "name", "parent name"]

ROW = "row"  # what a column is about, where nothing else is said
CODE = "code"  # group of a pattern that is the code


def _as_pattern(pattern: str) -> str:
    try:
        groups = re.compile(pattern).groupindex
    except re.error as error:
        raise ValueError(f"{pattern} is no regular expression: {error}") from error
    if CODE not in groups:
        raise ValueError(f"{pattern} names no code; write it as (?P<code>\\d{{4}})")
    return pattern


def _spelled_out(value: object) -> object:
    return {"holds": value} if isinstance(value, str) else value


class ColumnConfig(Model):
    """What a column holds.

    Parameters
    ----------
    holds
        ``unit``, ``parent`` or ``district`` (code of a unit and more digits), ``key`` (a whole parcel key as
        text), ``composite`` (a code inside a longer text), ``name`` of the unit, ``parent name``.
    width
        Digits of a code, where zeros were lost; of a district, digits of the code of its unit.
    layout
        How a key is written: the name of a layout, such as ``matrikkel``, or its declaration.
    pattern
        Regular expression of a composite; its group ``code`` is the code.
    digits
        Digits of a whole district, where zeros were lost.
    of
        What the column is about. Columns about the same are decided together; a table of people may hold the
        unit they live in and the one they work in.
    """

    holds: Holds
    width: Annotated[int, Field(ge=1)] | None = None
    digits: Annotated[int, Field(ge=2)] | None = None
    layout: LayoutOrName | None = None
    pattern: Annotated[Text, AfterValidator(_as_pattern)] | None = None
    of: Text = ROW

    @model_validator(mode="after")
    def _complete(self) -> ColumnConfig:
        if self.holds == "composite" and self.pattern is None:
            raise ValueError('a composite needs a pattern that names its code, such as "(?P<code>\\d{4})-\\d+"')
        if self.holds == "district" and self.width is None:
            raise ValueError("a district needs a width: the number of digits that are the code of its unit")
        if self.pattern is not None and self.holds != "composite":
            raise ValueError(f"a pattern belongs to a composite, and this is a {self.holds}")
        if self.layout is not None and self.holds != "key":
            raise ValueError(f"a layout belongs to a key, and this is a {self.holds}")
        return self


class KeyConfig(Model):
    """A parcel key spread over columns: the column of the code, and those of its other parts, in their order."""

    code: Text
    numbers: tuple[Text, ...] = Field(min_length=1)
    layout: LayoutOrName | None = None


class PlaceConfig(Model):
    """Columns with the coordinates of a row, and their CRS."""

    x: Text
    y: Text
    crs: KnownCRS
    of: Text = ROW


class AddressConfig(Model):
    """How a row names an address of a layer of the job: columns of the row by the columns of that layer."""

    layer: Text
    columns: dict[Text, Text] = Field(min_length=1)
    of: Text = ROW


Column = Annotated[ColumnConfig, BeforeValidator(_spelled_out, json_schema_input_type=ColumnConfig | Holds)]


class RegisterConfig(Model):
    """A register: a table, in a file or a database, that holds codes or keys.

    Parameters
    ----------
    name
        What it is called in the review and the results.
    source
        File, or address of a database (``postgresql://host/name``), without a password.
    table
        Table, sheet or layer, where the source has several; in a database also ``schema.table``.
    id
        Column that identifies a row for the review; the row number where there is none.
    date
        Column with the date of a row. A row of before the reform keeps the codes of its time.
    encoding
        Encoding of a text file that does not tell its own.
    columns
        What each column holds. Columns that are not named never change.
    keys
        Keys that are spread over columns.
    place, address
        Where a row lies, for units that are split.
    state
        ``old`` where the register is known to hold only codes of before the reform; needed where codes are
        used again, as one that is both old and new tells nothing.

    Examples
    --------
    >>> register = RegisterConfig(name="cases", source="cases.csv", columns={"kommune": "unit", "fylke": "parent"})
    >>> register.columns["fylke"].holds, register.is_database
    ('parent', False)
    """

    name: Annotated[str, Field(pattern=r"^[\w-]+$")]
    source: Text
    table: Text | None = None
    id: Text | None = None
    date: Text | None = None
    encoding: KnownEncoding | None = None
    columns: dict[Text, Column] = Field(min_length=1)
    keys: tuple[KeyConfig, ...] = ()
    place: PlaceConfig | None = None
    address: AddressConfig | None = None
    state: Literal["old"] | None = None

    @field_validator("source")
    @classmethod
    def _without_password(cls, source: str) -> str:
        return require_no_password(source)

    @model_validator(mode="after")
    def _consistent(self) -> RegisterConfig:
        if faults := list(_faults(self)):
            raise ValueError("; ".join(faults))
        return self

    @property
    def is_database(self) -> bool:
        """Whether the register is a table of a database server."""
        return "://" in self.source and not self.source.startswith("zip://")

    @property
    def target(self) -> str:
        """Name of the file that a recoded copy is written to."""
        return PurePath(self.source.rpartition("!")[2]).name

    @property
    def changing(self) -> tuple[str, ...]:
        """Columns whose values may change, in the order of the description."""
        return tuple(dict.fromkeys([*self.columns, *(number for key in self.keys for number in key.numbers)]))

    @property
    def needed(self) -> tuple[str, ...]:
        """Columns that decide what becomes of a row, those that may change first."""
        place = (self.place.x, self.place.y) if self.place else ()
        address = tuple(self.address.columns.values()) if self.address else ()
        return tuple(dict.fromkeys([*self.changing, *((self.date,) if self.date else ()), *place, *address]))

    @property
    def wanted(self) -> tuple[str, ...]:
        """Columns that a register must have, the identifier among them."""
        return tuple(dict.fromkeys([*self.needed, *((self.id,) if self.id else ())]))


def _faults(register: RegisterConfig) -> Iterator[str]:
    subjects = {column.of for column in register.columns.values() if column.holds not in ("name", "parent name")}
    for holds in ("unit", "name", "parent", "parent name"):
        about = Counter(column.of for column in register.columns.values() if column.holds == holds)
        for of, count in about.items():
            if count > 1:
                listed = " and ".join(n for n, c in register.columns.items() if (c.holds, c.of) == (holds, of))
                yield f"columns {listed} both hold the {holds} of the same; say of what each is (of: work)"
    for name, column in register.columns.items():
        if column.holds in ("name", "parent name") and column.of not in subjects:
            yield f"column {name} holds a {column.holds}, and no column holds the code it belongs to"
    for key in register.keys:
        holder = register.columns.get(key.code)
        if holder is None or holder.holds != "unit":
            numbers = ", ".join(key.numbers)
            yield f"the key of {numbers} belongs to the code in {key.code}, which is not said to be a unit"
        if described := [number for number in key.numbers if number in register.columns]:
            yield f"column {', '.join(described)} is a number of a key, and holds nothing else"
    for located in (register.place, register.address):
        if located is not None and located.of not in subjects:
            yield f"nothing is said to be about {located.of}, where the row lies"
    if register.date is not None and register.date in register.changing:
        yield f"column {register.date} cannot be both a date and a code"


def by_target(registers: Iterable[RegisterConfig]) -> dict[str, list[RegisterConfig]]:
    """Return registers by the file that their recoded copy is written to; those of a server by its address."""
    found: dict[str, list[RegisterConfig]] = {}
    for register in registers:
        found.setdefault(register.source if register.is_database else register.target, []).append(register)
    return found


def register_step(target: str) -> str:
    """Return what recoding a file of registers is called in a run."""
    return f"registers/{target}"


def require_distinct(registers: Iterable[RegisterConfig]) -> None:
    """Raise ValueError if two registers have the same name."""
    count = Counter(register.name for register in registers)
    if repeated := sorted(name for name, number in count.items() if number > 1):
        raise ValueError(f"several registers are named {', '.join(repeated)}")


def register_of(columns: Mapping[str, Any], name: str = "register", **described: Any) -> RegisterConfig:
    """Return the description of a table in memory; InputError with all faults.

    Examples
    --------
    >>> register_of({"kommune": "unit"}).needed
    ('kommune',)
    """
    from pydantic import ValidationError

    from geomerge.documents import explain
    from geomerge.errors import InputError

    given = {key: value for key, value in described.items() if value is not None}
    try:
        return RegisterConfig(name=name, source="table", columns=dict(columns), **given)
    except ValidationError as error:
        faults = explain(error, "The register", lambda place: ("", " ".join(str(step) for step in place if step)))
        raise InputError(*(sentence for _, sentence in faults)) from error
