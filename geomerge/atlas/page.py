"""A page: the maps of a sheet with title, subtitle and source, and what stands at its foot."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from geomerge.atlas.foot import draw_foot, foot_height
from geomerge.atlas.setting import GAP, INCH, LINE, Setting, area, text_height
from geomerge.atlas.sheets import Sheet
from geomerge.atlas.style import BESIDE, millimetres
from geomerge.atlas.views import draw_view
from geomerge.drawing import Widths, add_panel
from geomerge.layout import Frame, arrange
from geomerge.maps import settings


@dataclass(frozen=True)
class Texts:
    """Title, subtitle and source of a page, in lines as wide as the page."""

    title: tuple[str, ...]
    subtitle: tuple[str, ...]
    source: tuple[str, ...]


def draw_sheet(sheet: Sheet, setting: Setting) -> Figure:
    """Draw a sheet as a page; write it with :func:`geomerge.save_figure`."""
    with settings():
        page = _page(sheet, setting)
        texts = _texts(sheet, setting, page[0])
        layout = arrange(page, sheet.extent, len(sheet.views), _frame(sheet, setting, texts, page[0]))
        figure = Figure(figsize=page, facecolor="white")
        FigureCanvasAgg(figure)
        numbers, look = range(len(sheet.views)), setting.style.look
        panels = [add_panel(figure, layout, number, widths=setting.plain, look=look) for number in numbers]
        for panel, view in zip(panels, sheet.views, strict=True):
            draw_view(panel, view, setting, heading=len(sheet.views) > 1)
        _write(figure, texts, setting)
        base = setting.margin + text_height(len(texts.source), setting.style.font.source)
        draw_foot(figure, sheet, panels[-1], setting, base + (0.06 if texts.source else 0.0))
    return figure


def _page(sheet: Sheet, setting: Setting) -> tuple[float, float]:
    """Return width and height of the page in inches, turned the way that shows the map larger."""
    width, height = (side / INCH for side in millimetres(setting.style.page.size))
    turned = {"portrait": [sorted((width, height))], "landscape": [sorted((width, height), reverse=True)]}
    auto = [(width, height)]
    if setting.style.page.size.upper().startswith("A"):  # a size that is given as width x height is meant like that
        auto = [(width, height), (height, width)]
    pages = [(page[0], page[1]) for page in turned.get(setting.style.page.orientation, auto)]

    def worth(page: tuple[float, float]) -> float:
        frame = _frame(sheet, setting, _texts(sheet, setting, page[0]), page[0])
        found = arrange(page, sheet.extent, len(sheet.views), frame)
        return found.inch * math.sqrt(area(found.shown) / area(sheet.extent))  # ground that no one asked for is waste

    return min(pages, key=worth)


def _frame(sheet: Sheet, setting: Setting, texts: Texts, width: float) -> Frame:
    """Return what the page keeps free: for the title above, and for the legend and what stands beside it below."""
    font, margin = setting.style.font, setting.margin
    above = text_height(len(texts.title), font.title) + text_height(len(texts.subtitle), font.subtitle)
    below = foot_height(sheet, setting, width) + text_height(len(texts.source), font.source)
    heading = (font.heading * LINE + 6) / 72 if len(sheet.views) > 1 else 0.0
    return Frame(margin, margin + above + 0.08 * bool(above), margin + below + 0.12 * bool(below), GAP, heading)


def _texts(sheet: Sheet, setting: Setting, width: float) -> Texts:
    """Fill in the texts of a page, and break them into lines."""
    words = setting.style.said
    counts = [sum(view.units["change"] != BESIDE) for view in sheet.views]
    count = " → ".join(words.count(number) for number in counts)
    facts = {
        "title": sheet.title,
        "date": words.span([words.day(day) for day in sheet.days]),
        "unit": sheet.unit,
        "code": sheet.code,
        "map": words.views[sheet.views[0].kind],
        "count": count,
        "made": _made(sheet, setting),
    }
    title, subtitle = setting.style.titled(sheet.kind, facts)
    room, font = 72 * (width - 2 * setting.margin), setting.style.font
    return Texts(
        _lines(title, room / font.title, setting.bold),
        _lines(subtitle, room / font.subtitle, setting.plain),
        _lines(setting.style.source.format(**facts), room / font.source, setting.plain),
    )


def _made(sheet: Sheet, setting: Setting) -> str:
    """Return from which units a unit is made."""
    if sheet.kind != "unit":
        return ""
    words = setting.style.said
    if not sheet.old:
        return words.gone if sheet.gone else ""
    names = [f"{code} {name}".strip() for code, name, _ in sheet.old]
    parts = [words.part.format(name=name) if part else name for name, (*_, part) in zip(names, sheet.old, strict=True)]
    return words.made.format(names=words.listed(parts))


def _lines(text: str, room: float, widths: Widths) -> tuple[str, ...]:
    """Break a text where it is wider than the room, which is in points for each point of its size."""
    lines: list[str] = []
    for word in text.split():
        if lines and widths.of(f"{lines[-1]} {word}") <= room:
            lines[-1] = f"{lines[-1]} {word}"
        else:
            lines.append(word)
    return tuple(lines)


def _write(figure: Figure, texts: Texts, setting: Setting) -> None:
    """Write title and subtitle at the top of the page, and the source at its foot."""
    width, height = figure.get_size_inches()
    margin, font, colors = setting.margin, setting.style.font, setting.style.colors
    top = height - margin
    blocks = (
        (texts.title, font.title, colors.ink, "bold"),
        (texts.subtitle, font.subtitle, colors.quiet, "normal"),
    )
    for lines, size, color, weight in blocks:
        for line in lines:
            _text(figure, margin / width, top / height, line, setting, size, color=color, weight=weight, va="top")
            top -= size * LINE / 72
    base = margin
    for line in reversed(texts.source):
        _text(figure, margin / width, base / height, line, setting, font.source, color=colors.quiet, va="bottom")
        base += font.source * LINE / 72


def _text(figure: Figure, x: float, y: float, line: str, setting: Setting, size: float, **look: Any) -> None:
    figure.text(x, y, line, fontsize=size, fontfamily=[setting.style.font.family], parse_math=False, **look)
