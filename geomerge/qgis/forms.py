"""The form of a layer in QGIS: what is shown, what may be written, and drop-downs of the answers that are allowed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from geomerge.qgis.styles import add, flag


@dataclass(frozen=True)
class Answers:
    """A table with the answers allowed for each row, as the drop-down of a field.

    Parameters
    ----------
    layer
        Name of the project's layer with the answers.
    value, text
        Its columns with what is written, and what people read.
    match
        Its column that names the row, and the column of the form that it is equal to.
    only
        Its column and value that tell the answers of this form from those of others.

    Examples
    --------
    >>> print(Answers("Answers", "answer", "text", ("id", "id"), ("layer", "parcels")).expression)
    "id" = current_value('id') AND "layer" = 'parcels'
    """

    layer: str
    value: str
    text: str
    match: tuple[str, str]
    only: tuple[str, str]

    @property
    def expression(self) -> str:
        """The filter in the language of QGIS."""
        (theirs, mine), (column, value) = self.match, self.only
        return f"{_name(theirs)} = current_value({_text(mine)}) AND {equals(column, value)}"


@dataclass(frozen=True)
class Field:
    """One field of a form.

    Parameters
    ----------
    name, label
        The column, and what people read beside it.
    answers
        The answers to choose from; None for text.
    editable
        Whether it may be written.
    lines
        Whether the text may have several lines.
    default
        Expression that fills the field when the row is saved.
    hidden
        Whether it is left out.
    """

    name: str
    label: str
    answers: Answers | None = None
    editable: bool = False
    lines: bool = False
    default: str = ""
    hidden: bool = False


@dataclass(frozen=True)
class Form:
    """The fields of a form, in the order of the columns."""

    fields: tuple[Field, ...]


def add_form(parent: ET.Element, form: Form, sources: Mapping[str, tuple[str, str]]) -> None:
    """Add a form to a layer of a project.

    Parameters
    ----------
    parent
        The layer.
    form
        The form.
    sources
        Layers of the project by name: id and data source.

    Examples
    --------
    >>> layer = ET.Element("maplayer")
    >>> add_form(layer, Form((Field("note", "Note", editable=True, lines=True),)), {})
    >>> [element.get("type") for element in layer.iter("editWidget")]
    ['TextEdit']
    """
    configured, labels = add(parent, "fieldConfiguration"), add(parent, "aliases")
    editable, defaults = add(parent, "editable"), add(parent, "defaults")
    for number, field in enumerate(form.fields):
        entry = add(configured, "field", {"name": field.name, "configurationFlags": "None"})
        kind, options = _widget(field, sources)
        widget = add(entry, "editWidget", {"type": kind})
        written = add(add(widget, "config"), "Option", {"type": "Map"})
        for name, value in options.items():
            given = {"type": "bool", "value": str(value).lower()} if isinstance(value, bool) else _string(value)
            add(written, "Option", {"name": name, **given})
        add(labels, "alias", {"field": field.name, "index": str(number), "name": field.label})
        add(editable, "field", {"name": field.name, "editable": flag(field.editable)})
        rule = {"field": field.name, "expression": field.default, "applyOnUpdate": flag(bool(field.default))}
        add(defaults, "default", rule)
    add(parent, "editorlayout", text="generatedlayout")
    add(parent, "featformsuppress", text="0")


def _string(value: str) -> dict[str, str]:
    return {"type": "QString", "value": value}


def _widget(field: Field, sources: Mapping[str, tuple[str, str]]) -> tuple[str, dict[str, str | bool]]:
    if field.hidden:
        return "Hidden", {}
    answers = field.answers
    if answers is None:
        return "TextEdit", {"IsMultiline": field.lines, "UseHtml": False}
    layer_id, source = sources[answers.layer]
    where: dict[str, str | bool] = {
        "Layer": layer_id,
        "LayerName": answers.layer,
        "LayerProviderName": "ogr",
        "LayerSource": source,
    }
    choice = {"Key": answers.value, "Value": answers.text, "FilterExpression": answers.expression}
    return "ValueRelation", {**where, **choice, "AllowNull": True, "AllowMulti": False, "OrderByValue": False}


def equals(column: str, value: str) -> str:
    """Return the condition that a column holds a text, as QGIS and SQL read it.

    Examples
    --------
    >>> print(equals("layer", "O'Hara"))
    "layer" = 'O''Hara'
    """
    return f"{_name(column)} = {_text(value)}"


def _name(column: str) -> str:
    return '"' + column.replace('"', '""') + '"'


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
