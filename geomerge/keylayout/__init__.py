"""Layouts of parcel keys, declared as data: their parts, how they are written, which part is the code of the unit."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from typing import Annotated, Any

import yaml
from pydantic import AfterValidator, Discriminator, Tag, ValidationError

from geomerge.errors import InputError
from geomerge.keylayout.layout import KeyLayout
from geomerge.keylayout.part import KeyPart, as_texts, is_zero
from geomerge.selectors import Text

__all__ = [
    "KeyLayout",
    "KeyPart",
    "LayoutOrName",
    "as_texts",
    "is_zero",
    "key_layout",
    "plain_layout",
    "shipped_layouts",
]


def shipped_layouts() -> tuple[str, ...]:
    """Return the names of the layouts that ship with geomerge.

    Examples
    --------
    >>> shipped_layouts()
    ('cadastre_fr', 'ejerlav_dk', 'matrikkel')
    """
    found = resources.files("geomerge.keylayout").iterdir()
    return tuple(sorted(file.name.removesuffix(".yaml") for file in found if file.name.endswith(".yaml")))


def key_layout(layout: str | Mapping[str, Any] | KeyLayout) -> KeyLayout:
    """Return a layout by its name, or from its declaration.

    Parameters
    ----------
    layout
        Name of a layout that ships (``matrikkel``, ``cadastre_fr``, ``ejerlav_dk``); or a declaration with the
        same fields as :class:`KeyLayout`, such as a plan or a job holds; or a layout, which is returned.

    Returns
    -------
    KeyLayout

    Raises
    ------
    InputError
        If no layout has that name, or the declaration is not well-formed.

    Examples
    --------
    >>> key_layout("matrikkel").parse(["0719-12/3"]).to_numpy().tolist()
    [['0719', 12, 3, 0, 0]]
    >>> own = {"parts": [{"name": "district", "width": 3}, {"name": "plot", "width": 5, "before": ["."]}]}
    >>> key_layout(own).canonical(["7.0012"]).tolist()
    ['7.12']
    """
    if isinstance(layout, KeyLayout):
        return layout
    if isinstance(layout, str):
        known = shipped_layouts()
        if layout not in known:
            raise InputError(f"There is no layout of keys {layout}. Name one of {', '.join(known)}, or declare it.")
        text = resources.files("geomerge.keylayout").joinpath(f"{layout}.yaml").read_text(encoding="utf-8")
        layout = {"name": layout, **yaml.load(text, Loader=yaml.BaseLoader)}  # texts only
    try:
        return KeyLayout.model_validate(layout)
    except ValidationError as error:
        faults = [
            f"The layout of keys is not well-formed at {' > '.join(map(str, fault['loc'])) or 'its top'}: "
            f"{fault['msg'].removeprefix('Value error, ')}."
            for fault in error.errors(include_url=False)
        ]
        raise InputError(*faults) from error


def plain_layout(*, with_unit: bool = True) -> KeyLayout:
    """Return the layout of keys about which nothing is declared: a leading number, and anything after it.

    Examples
    --------
    >>> plain_layout().parse(["0719-12/3b", "12"]).astype(object).to_numpy().tolist()
    [['0719', 12, '/3b'], [<NA>, 12, '']]
    """
    unit = {"name": "unit", "unit": True, "kind": "text", "pattern": "[0-9A-Za-z]+", "width": 20}
    below = [
        {"name": "number", "width": 9, "before": ["-"] if with_unit else []},
        {"name": "rest", "kind": "text", "pattern": "(?:[^0-9].*)?", "width": 200, "optional": True},
    ]
    return key_layout({"name": "plain", "leading": "number", "parts": [unit, *below] if with_unit else below})


def _shipped(name: str) -> str:
    if name not in (known := shipped_layouts()):
        raise ValueError(f"no layout of keys is called {name}; name one of {', '.join(known)}, or declare it")
    return name


def _form(value: object) -> str:
    return "(name)" if isinstance(value, str) else "(declared)"


LayoutOrName = Annotated[
    Annotated[Text, AfterValidator(_shipped), Tag("(name)")] | Annotated[KeyLayout, Tag("(declared)")],
    Discriminator(_form),
]
