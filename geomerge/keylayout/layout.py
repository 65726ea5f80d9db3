"""A layout of keys: parts with their widths and separators; keys are read, found in text, changed and written by it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Annotated, Literal

import pandas as pd
from pydantic import Field, model_validator

from geomerge.keylayout.part import BLANK, KeyPart, as_texts, compiled, is_zero, separators
from geomerge.selectors import Model, Text


class KeyLayout(Model):
    """How parcel keys are made up.

    Parameters
    ----------
    name, title
        What the layout is called, and what the keys are.
    parts
        The parts in their order; the code of the unit comes first, where it is one of them.
    leading
        The number that rules add to; the first number below the unit where none is named.
    prefix
        The part that takes the end of a unit's old code when the unit is absorbed.

    Examples
    --------
    >>> from geomerge.keylayout import key_layout
    >>> matrikkel = key_layout("matrikkel")
    >>> matrikkel.canonical(["0719-12/3", "0719 - 12/3/0/0", "12/3", "gnr. 12 bnr. 3", "Hovland"]).tolist()
    ['0719-12/3', '0719-12/3', '12/3', '12/3', <NA>]
    >>> matrikkel.find(["Plan for 0719-12/3 and 0720-8/1/2."])[["text", "gnr"]].to_numpy().tolist()
    [['0719-12/3', 12], ['0720-8/1/2', 8]]
    """

    name: Text = "own"
    title: str = ""
    parts: Annotated[tuple[KeyPart, ...], Field(min_length=1)]
    leading: Text | None = None
    prefix: Text | None = None

    @model_validator(mode="after")
    def _sound(self) -> KeyLayout:
        names = [part.name for part in self.parts]
        if repeated := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"several parts are named {', '.join(repeated)}")
        if any(part.unit for part in self.parts[1:]):
            raise ValueError("the code of the unit must be the first part")
        for field, name in (("leading", self.leading), ("prefix", self.prefix)):
            if name is not None and name not in self.below:
                raise ValueError(f"{field} names the part {name}, but the parts are {', '.join(self.below)}")
        if self.leading is not None and self.part(self.leading).kind != "number":
            raise ValueError(f"leading names {self.leading}, which is no number")
        if any(not part.optional for part in self.parts[1:] if self._after_optional(part)):
            raise ValueError("a part after an optional one must be optional too")
        return self

    def _after_optional(self, part: KeyPart) -> bool:
        return any(before.optional for before in self.parts[: self.parts.index(part)])

    @property
    def unit(self) -> str | None:
        """Name of the part that is the unit's code."""
        return self.parts[0].name if self.parts[0].unit else None

    @property
    def below(self) -> tuple[str, ...]:
        """Names of the parts below the unit."""
        return tuple(part.name for part in self.parts if not part.unit)

    @property
    def number(self) -> str | None:
        """Name of the leading number, which rules add to; None where all below the unit is text or a prefix."""
        if self.leading is not None or self.prefix is not None or self.unit is None:
            return self.leading
        return next((part.name for part in self.parts if not part.unit and part.kind == "number"), None)

    def part(self, name: str) -> KeyPart:
        """Return a part by its name."""
        return next(part for part in self.parts if part.name == name)

    def parse(self, texts: pd.Series | Sequence[object]) -> pd.DataFrame:
        """Read whole keys: one column a part, numbers as ``Int64``, on the index of the texts.

        An optional part that is left out is 0 (an empty text); the code of the unit is missing where the key is
        written without it. A text that is no key has nothing but missing values.

        Examples
        --------
        >>> from geomerge.keylayout import key_layout
        >>> key_layout("cadastre_fr").parse(["91216000AB0037"]).to_numpy().tolist()
        [['91216', '000', 'AB', 37]]
        """
        import pyarrow as pa
        import pyarrow.compute as pc

        values = as_texts(texts if isinstance(texts, pd.Series) else pd.Series(texts, dtype=object))
        found = pc.extract_regex(pa.array(values, type=pa.string(), from_pandas=True), pattern=self._arrow)
        columns: dict[str, pd.Series] = {}
        for number, part in enumerate(self.parts):
            taken = pc.struct_field(found, f"p{number}").to_pandas()
            column = pd.Series(taken.to_numpy(dtype=object), index=values.index, dtype="string")
            if part.kind == "number":
                column = column.replace("", "0").astype("Int64")
            elif part.unit:
                column = column.replace("", None)
            columns[part.name] = column
        return pd.DataFrame(columns, index=values.index)

    def format(self, parts: pd.DataFrame, *, unit: bool = True) -> pd.Series:
        """Write keys from their parts, in the one form that is equal for equal keys.

        Parameters
        ----------
        parts
            A column for each part, of numbers or texts. Without the column of the unit, or where that is missing,
            keys are written without it.
        unit
            Whether the code of the unit is written at all.

        Examples
        --------
        >>> from geomerge.keylayout import key_layout
        >>> parts = pd.DataFrame({"kommunenr": ["0719", None], "gnr": 12, "bnr": 3, "fnr": [0, None], "snr": [0, 4]})
        >>> key_layout("matrikkel").format(parts).tolist()
        ['0719-12/3', '12/3/0/4']
        """
        tail = pd.Series("", index=parts.index, dtype="string")
        for part in reversed([part for part in self.parts if not part.unit]):
            text = part.texts(parts[part.name])
            if part.optional:
                text = text.fillna("" if part.kind == "text" else "0")
                left_out = (tail == "") & is_zero(parts[part.name])
            first = part.name == self.below[0]
            written = text + tail if first else (part.before or ("",))[0] + text + tail
            tail = written.mask(left_out, "") if part.optional else written
        if self.unit is None or not unit or self.unit not in parts.columns:
            return tail
        separator = (self.parts[1].before or ("",))[0] if len(self.parts) > 1 else ""
        codes = self.parts[0].texts(parts[self.unit])
        return (codes + separator + tail).where(codes.notna(), tail)

    def canonical(self, texts: pd.Series | Sequence[object]) -> pd.Series:
        """Return keys in the one form that is equal for equal keys; missing where a text is no key."""
        return self.format(self.parse(texts))

    def find(self, texts: pd.Series | Sequence[object], *, without_unit: bool = False) -> pd.DataFrame:
        """Find keys inside longer texts: one row a key, on the index of the texts, from left to right.

        Parameters
        ----------
        texts
            The texts.
        without_unit
            Also find keys without the code of their unit; ``12/3`` may be something else as well.

        Returns
        -------
        DataFrame
            Where the key stands (``start``, ``end``), as which ``text``, and its parts.
        """
        values = as_texts(texts if isinstance(texts, pd.Series) else pd.Series(texts, dtype=object))
        pattern = self._loose if without_unit or self.unit is None else self._strict
        hits = [
            (place, match.start(), match.end(), match.group())
            for place, text in enumerate(values)
            if text is not pd.NA
            for match in pattern.finditer(text)
        ]
        places, starts, ends, keys = zip(*hits, strict=True) if hits else ((), (), (), ())
        found = pd.DataFrame({"start": starts, "end": ends}, dtype="int64")
        found["text"] = pd.Series(keys, dtype="string")
        found = found.join(self.parse(found["text"]))
        found.index = values.index.take(list(places))
        return found

    def changed(self, text: str, values: Mapping[str, str], given: Mapping[str, str] | None = None) -> str | None:
        """Return a key with other values for some of its parts, otherwise written as it was; None if it is no key.

        Parameters
        ----------
        text
            The key.
        values
            New values by part; one for a part that the key does not show is left out. Digits keep the width
            that zeros gave them.
        given
            Values that the key must have had, by part; else None is returned.

        Examples
        --------
        >>> from geomerge.keylayout import key_layout
        >>> key_layout("matrikkel").changed("0719 - 0012/3/0/0", {"kommunenr": "0710", "gnr": "212"})
        '0710 - 0212/3/0/0'
        """
        match = self._python.fullmatch(text)
        if match is None:
            return None
        for name, value in (given or {}).items():
            shown = match.group(self._group(name))
            if shown is not None and shown.lstrip("0") != value.lstrip("0"):
                return None
        for name in sorted(values, key=lambda name: -match.start(self._group(name))):
            start, end = match.span(self._group(name))
            if start >= 0:
                zeros = text[start:end].startswith("0") and not self.part(name).unit
                new = values[name].zfill(end - start) if zeros else values[name]
                text = f"{text[:start]}{new}{text[end:]}"
        return text

    def replaced(self, text: str, values: Mapping[str, str], given: Mapping[str, str]) -> str | None:
        """Return a text in which the given key is changed, wherever it stands; None where it does not stand.

        Parameters
        ----------
        text
            A key, or a longer text with the key in it.
        values
            New values by part, as for :meth:`changed`.
        given
            The key that is meant, by part; other keys in the text stay.

        Examples
        --------
        >>> from geomerge.keylayout import key_layout
        >>> given = {"kommunenr": "0719", "gnr": "12", "bnr": "3"}
        >>> key_layout("matrikkel").replaced("12/3 Hovland, 12/4 Moen", {"gnr": "212"}, given)
        '212/3 Hovland, 12/4 Moen'
        """
        if (whole := self.changed(text, values, given)) is not None:
            return whole
        pieces, end = [], 0
        for match in self._loose.finditer(text):
            if (new := self.changed(match.group(), values, given)) is not None:
                pieces += [text[end : match.start()], new]
                end = match.end()
        return "".join([*pieces, text[end:]]) if pieces else None

    def _group(self, name: str) -> str:
        return f"p{self.parts.index(self.part(name))}"

    @cached_property
    def _arrow(self) -> str:
        return f"^{BLANK}{self._body('optional', running=False)}{BLANK}$"

    @cached_property
    def _python(self) -> re.Pattern[str]:
        return compiled(f"{BLANK}{self._body('optional', running=False)}{BLANK}")

    @cached_property
    def _strict(self) -> re.Pattern[str]:
        return compiled(rf"(?<![\w/-]){self._body('needed', running=True)}(?![\w]|[/-][0-9])")

    @cached_property
    def _loose(self) -> re.Pattern[str]:
        return compiled(rf"(?<![\w/-]){self._body('optional', running=True)}(?![\w]|[/-][0-9])")

    def _body(self, unit: Literal["optional", "needed"], *, running: bool) -> str:
        """Return the pattern of a key; in running text, a mere blank divides no parts."""
        tail = ""
        for number, part in reversed([*enumerate(self.parts)]):
            group = f"(?P<p{number}>{part.form})"
            before = separators(part.before, running)
            if number == 0:
                return self._begun(group, tail, unit, running) if part.unit else group + tail
            tail = f"(?:{before}{group}{tail})?" if part.optional else f"{before}{group}{tail}"
        raise AssertionError  # a layout has parts

    def _begun(self, code: str, tail: str, unit: str, running: bool) -> str:
        """Return the pattern of a key with its unit's code, or without: then a word may stand before the number."""
        if len(self.parts) == 1 or unit == "needed":
            return code + tail
        written = self.parts[1].before
        before = separators(written, running)
        words = [word for word in written if re.search(r"[^\W\d]", word) and word[0].isalpha()]
        alone = f"(?:{separators(tuple(words), running)})?" if words else ""
        return f"(?:{code}{before}|{alone}){tail.removeprefix(before)}"
