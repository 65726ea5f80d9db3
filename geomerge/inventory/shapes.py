"""Shapes: where a code stands inside longer texts, and the regular expression that finds it there."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

TOKENS = re.compile(r"[0-9]+|[^\W\d_]+|\s+|[\W_]")
WORD, WORD_OR_NUMBER, MARK = r"[^\W\d_]+", r"[^\W_]+", "."
VARIED = (WORD, WORD_OR_NUMBER, MARK)
MOST = 12  # tokens of a text that has a shape; more is prose
LOOKED_AT = 2000  # different texts
FITS = 0.8  # share of texts that a pattern must describe
ALL_BUT = 0.95  # share of digits of one length that have a code at one place
SEVERAL = 3  # different codes; one is there by chance
ENOUGH = 0.5  # share of texts with a code at one place


@dataclass(frozen=True)
class Shape:
    """Where codes stand in texts.

    Parameters
    ----------
    pattern
        Regular expression of the whole text, with the group ``code``.
    """

    pattern: str

    def codes(self, texts: Collection[str]) -> list[tuple[str, str]]:
        """Return text and code of those that the pattern describes."""
        form = re.compile(self.pattern)
        found = [(text, form.fullmatch(text)) for text in texts]
        return [(text, match["code"]) for text, match in found if match]


def shape_of(texts: Sequence[str], codes: Collection[str], width: int) -> Shape | None:
    r"""Return where codes of a width stand in texts, None if at no place that most of them share.

    Examples
    --------
    >>> shape_of(["0706-2016/12", "0719-2016/7"], {"0706", "0719"}, 4).pattern
    '(?P<code>[0-9]{4})\\-[0-9]+/[0-9]+'
    >>> shape_of(["0706 - Sandefjord", "1103 - Stavanger"], {"0706", "1103"}, 4).pattern
    '(?P<code>[0-9]{4})\\s+\\-\\s+.*'
    """
    texts = texts[:: -(-len(texts) // LOOKED_AT) or 1]
    if not texts:
        return None
    split = [TOKENS.findall(text) for text in texts]
    hits: Counter[int] = Counter()
    for tokens in split:
        hits.update(place for place, token in enumerate(tokens[:MOST]) if len(token) == width and token in codes)
    for place, count in sorted(hits.items(), key=lambda hit: (-hit[1], hit[0])):
        if count < ENOUGH * len(texts):
            break
        pattern = _pattern([tokens for tokens in split if len(tokens) > place], place, width)
        if sum(re.fullmatch(pattern, text) is not None for text in texts) >= FITS * len(texts):
            return Shape(pattern)
    return _fixed(texts, codes, width)


def _pattern(split: Sequence[Sequence[str]], place: int, width: int) -> str:
    before = [_token([tokens[at] for tokens in split]) for at in range(place)]
    lengths = {len(tokens) for tokens in split}
    after = []
    for at in range(place + 1, min(min(lengths), MOST)):
        after.append(_token([tokens[at] for tokens in split]))
        if after[-1] in VARIED:  # words and marks of which the next row may have others
            after.pop()
            break
    if place + 1 + len(after) < max(lengths):
        after.append(".*")
    return "".join([*before, rf"(?P<code>[0-9]{{{width}}})", *after])


def _token(tokens: Sequence[str]) -> str:
    """Return the pattern of what stands at one place of all texts; numbers may have other digits in the next row."""
    different = set(tokens)
    if all(token.isspace() for token in different):
        return r"\s+"
    if all(token.isdigit() for token in different):
        return "[0-9]+"
    if len(different) == 1:
        return re.escape(tokens[0])
    if all(token.isalpha() for token in different):
        return WORD
    return WORD_OR_NUMBER if all(token.isalnum() for token in different) else MARK


def _fixed(texts: Sequence[str], codes: Collection[str], width: int) -> Shape | None:
    """Return the shape of digits of one length with codes at the same place in all of them, but not at the start."""
    lengths = {len(text) for text in texts}
    if len(lengths) != 1 or not all(text.isascii() and text.isdigit() for text in texts):
        return None
    length = lengths.pop()
    for place in range(1, length - width + 1):
        inner = [text[place : place + width] for text in texts]
        if sum(code in codes for code in inner) >= ALL_BUT * len(texts) and len(set(inner)) >= SEVERAL:
            rest = length - place - width
            tail = rf"[0-9]{{{rest}}}" if rest else ""
            return Shape(rf"[0-9]{{{place}}}(?P<code>[0-9]{{{width}}}){tail}")
    return None
