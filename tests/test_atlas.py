"""All maps of a small run with two dates, drawn again from its folder."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import geopandas as gpd
import matplotlib as mpl
import pytest
import yaml
from click.testing import CliRunner, Result
from matplotlib.patches import Rectangle
from PIL import Image
from shapely import Point, box

from geomerge import change_map, read_run, write_maps
from geomerge.atlas import read_style
from geomerge.atlas.dates import plan_of, states
from geomerge.atlas.foot import north_of
from geomerge.atlas.page import draw_sheet
from geomerge.atlas.reform import Reform, read_reform
from geomerge.atlas.setting import Setting
from geomerge.atlas.sheets import overview_sheets, unit_codes, unit_sheet
from geomerge.atlas.style import DEFAULT, TEXTS, Fill, Style, Texts, UnitMaps, Words, millimetres
from geomerge.cli import main
from geomerge.documents import load
from geomerge.errors import InputError, LayerError, PlanFormatError
from geomerge.palette import CHANGES
from geomerge.run import run

PLAN = {
    "title": "A reform in two steps",
    "events": [
        {"date": "2020-01-01", "merge": ["0101", "0102"], "into": "0110", "name": "Aasbø", "parent": "01"},
        {"date": "2020-01-01", "renumber": "0201", "to": "0211"},
        {"date": "2024-01-01", "merge": ["0110", "0103"], "into": "0120", "name": "Storby", "parent": "01"},
        {"date": "2024-01-01", "transfer": "0202", "to": "0203", "area": "strip.geojson"},
    ],
}


def squares() -> gpd.GeoDataFrame:
    """
    0201 0202 0203        0101 and 0102 merge first, then with 0103;
    0101 0102 0103        a strip of 0202 goes to 0203.
    """
    names = ["Aas", "Bø", "Ceby", "Dal", "Elv $5", "Fjell"]
    codes = ["0101", "0102", "0103", "0201", "0202", "0203"]
    shapes = [box(x, y, x + 10_000, y + 10_000) for y in (0, 10_000) for x in (0, 10_000, 20_000)]
    columns = {"code": codes, "name": names, "county": [code[:2] for code in codes]}
    return gpd.GeoDataFrame(columns, geometry=[shape.segmentize(500) for shape in shapes], crs=25832)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("atlas")
    squares().to_crs(25832).to_file(folder / "units.gpkg")
    strip = gpd.GeoDataFrame(geometry=[box(18_000, 10_000, 20_000, 20_000)], crs=25832)
    strip.to_file(folder / "strip.geojson")
    levels = [{"name": "county", "code": "county"}]
    job = {"plan": "plan.yaml", "units": {"path": "units.gpkg", "code": "code", "name": "name", "levels": levels}}
    (folder / "job.yaml").write_text(yaml.safe_dump(job), encoding="utf-8")
    (folder / "plan.yaml").write_text(yaml.safe_dump(PLAN), encoding="utf-8")
    run(folder / "job.yaml", output=folder / "out")
    return folder / "out"


@pytest.fixture(scope="module")
def reform(finished: Path) -> Reform:
    return read_reform(finished)


@pytest.fixture
def command(finished: Path) -> Callable[..., Result]:
    return lambda *arguments: CliRunner().invoke(main, ["maps", str(finished), *map(str, arguments)])


def texts(figure: Any) -> str:
    found = [text.get_text() for axes in figure.axes for text in axes.texts]
    return "\n".join([*found, *(text.get_text() for text in figure.texts)])


def style(folder: Path, **content: Any) -> Style:
    (folder / "style.yaml").write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
    return read_style(folder / "style.yaml")


def refused(done: Result, *sentences: str) -> None:
    assert done.exit_code == 2, done.output
    assert "Traceback" not in done.output
    for sentence in sentences:
        assert sentence in done.stderr


def test_one_line_in_a_notebook(finished: Path) -> None:
    figure = change_map(*read_run(finished), show="change")
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["Change · 4 units"]
    assert len(change_map(*read_run(finished)).axes) == 2


def test_all_maps_are_made_and_listed(command: Callable[..., Result], tmp_path: Path) -> None:
    done = command("-o", tmp_path / "maps", "--per-unit", "--series", "county", "--format", "svg", "--format", "pdf")
    assert done.exit_code == 0, done.output
    stems = {"before", "after", "change", "unit_0120", "unit_0202", "unit_0203", "county_01", "county_02"}
    names = {f"{stem}.{suffix}" for stem in stems for suffix in ("svg", "pdf")}
    assert {path.name for path in (tmp_path / "maps").iterdir()} == {*names, "maps.json"}
    contents = json.loads((tmp_path / "maps/maps.json").read_text(encoding="utf-8"))
    assert {one["file"] for one in contents["maps"]} == names
    assert "16 maps" in done.stdout


@pytest.mark.parametrize("format", ["png", "svg", "pdf"])
def test_the_same_run_gives_the_same_bytes(finished: Path, tmp_path: Path, format: Any) -> None:
    hatched = style(tmp_path, changes={"merged": {"hatch": "///"}}, page={"dpi": 80})
    one, two = (write_maps(finished, tmp_path / name, formats=[format], units=["0120"], style=hatched) for name in "ab")
    assert [path.read_bytes() for path in one] == [path.read_bytes() for path in two]
    assert (tmp_path / "a/maps.json").read_bytes() == (tmp_path / "b/maps.json").read_bytes()


def test_as_many_processes_as_one_likes_draw_the_same(finished: Path, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("geomerge.atlas.WORTH_IT", 2)
    one, two = (write_maps(finished, tmp_path / str(n), formats=["svg"], workers=n) for n in (1, 2))
    assert [path.read_bytes() for path in one] == [path.read_bytes() for path in two]


def test_a_unit_is_shown_with_what_it_is_made_of_and_its_neighbours(reform: Reform) -> None:
    setting = Setting.of(Style(), reform.after)
    figure = draw_sheet(unit_sheet(reform, "0120", "both"), setting)
    assert [axes.get_title(loc="left") for axes in figure.axes[:2]] == ["Before", "After"]
    before, after = ("\n".join(text.get_text() for text in axes.texts) for axes in figure.axes[:2])
    assert all(name in before for name in ("Aas\n0101", "Bø\n0102", "Ceby\n0103", "Dal", "Elv $5", "Fjell"))
    assert "Storby\n0120" in after
    assert "0120 Storby" in texts(figure)
    assert "1 January 2024 · from 0101 Aas, 0102 Bø and 0103 Ceby" in texts(figure)
    assert "from part of 0202 Elv $5 and 0203 Fjell" in texts(draw_sheet(unit_sheet(reform, "0203", "both"), setting))


def test_labels_lie_in_the_map_and_not_on_each_other(reform: Reform) -> None:
    for sheet in (unit_sheet(reform, "0120", "both"), *overview_sheets(reform)):
        for axes in draw_sheet(sheet, Setting.of(Style(), reform.after)).axes[: len(sheet.views)]:
            found = [text.get_window_extent() for text in axes.texts]
            assert found
            assert all(axes.bbox.x0 <= one.x0 and one.x1 <= axes.bbox.x1 for one in found)
            pairs = [(one, other) for at, one in enumerate(found) for other in found[:at]]
            assert not [pair for pair in pairs if pair[0].overlaps(pair[1])]


def test_a_label_of_the_map_of_changes_crosses_no_line_that_goes(reform: Reform) -> None:
    axes = draw_plain(reform).axes[0]
    label = next(text for text in axes.texts if "Storby" in text.get_text())
    area = label.get_window_extent().transformed(axes.transData.inverted())
    gone = reform.lines[reform.lines["status"] == "removed"].union_all()
    assert not box(area.x0, area.y0, area.x1, area.y1).intersects(gone)


def test_what_goes_on_elsewhere_is_but_a_line(reform: Reform) -> None:
    before, after = unit_sheet(reform, "0203", "both").views
    assert "removed" not in set(before.lines.loc[before.lines["left_old"] == "0101", "status"])
    assert set(after.units.loc[after.units["change"] != "beside", "code"]) == {"0203"}
    assert set(before.units.loc[before.units["change"] != "beside", "code"]) == {"0202", "0203"}


def draw_plain(reform: Reform) -> Any:
    return draw_sheet(list(overview_sheets(reform))[2], Setting.of(Style(), reform.after))


def test_letters_on_a_hatch_have_a_ground_of_their_own(reform: Reform) -> None:
    hatched = Style(changes={"merged": Fill(hatch="//")})
    figure = draw_sheet(list(overview_sheets(reform))[2], Setting.of(hatched, reform.after))
    axes = figure.axes[0]
    label = next(text for text in axes.texts if "Storby" in text.get_text())
    grounds = [shape for shape in axes.patches if isinstance(shape, Rectangle)]
    middle = label.get_transform().transform(label.get_position())
    assert [shape.get_window_extent().contains(*middle) for shape in grounds] == [True]
    assert mpl.colors.to_hex(grounds[0].get_facecolor()) == CHANGES["merged"].color
    assert not [shape for shape in draw_plain(reform).axes[0].patches if isinstance(shape, Rectangle)]


def test_a_unit_that_is_gone_has_no_date_where_there_are_several(reform: Reform) -> None:
    gone = replace(reform, after=reform.after[reform.after["code"] != "0211"])
    sheet = unit_sheet(gone, "0201", "both")
    assert (sheet.gone, sheet.days, sheet.old) == (True, (), ())
    assert "Ceases to exist" in texts(draw_sheet(sheet, Setting.of(Style(), reform.after))).split("\n")
    assert unit_sheet(replace(gone, dates=("2020-01-01",)), "0201", "both").days == ("2020-01-01",)


def test_units_without_names_have_their_codes(reform: Reform) -> None:
    nameless = replace(reform, before=reform.before.assign(name=""), after=reform.after.assign(name=""))
    written = texts(draw_sheet(unit_sheet(nameless, "0120", "both"), Setting.of(Style(), reform.after)))
    assert {"0101", "0120", "0203", "1 January 2024 · from 0101, 0102 and 0103"} <= set(written.split("\n"))
    assert not [name for name in ("Aas", "nan", "None") if name in written]


def test_the_style_in_the_documentation_is_read(tmp_path: Path) -> None:
    text = (DEFAULT.parents[2] / "docs/maps.md").read_text(encoding="utf-8")
    (tmp_path / "style.yaml").write_text(re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)[0], encoding="utf-8")
    assert read_style(tmp_path / "style.yaml").language == "no"


def test_the_legend_names_only_what_is_there(reform: Reform) -> None:
    figure = draw_sheet(unit_sheet(reform, "0120", "both"), Setting.of(Style(), reform.after))
    entries = [text.get_text() for text in figure.legends[0].get_texts()]
    assert entries == ["Merger of units", "Neighbour", "Kept boundary", "Removed boundary"]


def test_former_units_stand_for_their_successors(reform: Reform) -> None:
    assert unit_codes(reform, Style(), ["0101", "0202"]) == ["0120", "0202"]
    assert unit_codes(reform, Style()) == ["0120", "0202", "0203"]
    assert unit_codes(reform, Style(units=UnitMaps(changes=("renumbered",)))) == ["0211"]


def test_a_series_by_date(finished: Path, reform: Reform) -> None:
    found = list(states(reform, plan_of(reform, finished.parent / "plan.yaml")))
    assert [state.dates for state in found] == [("2020-01-01",), ("2024-01-01",)]
    first, second = found
    assert sorted(first.after["code"]) == ["0103", "0110", "0202", "0203", "0211"]
    assert dict(zip(first.before["code"], first.before["change"], strict=True))["0202"] == "unchanged"
    assert dict(zip(second.before["code"], second.before["name"], strict=True))["0110"] == "Aasbø"
    assert sorted(second.after["code"]) == sorted(reform.after["code"])
    ends = second.after.set_index("code").geometry
    assert all(ends[code].equals(shape) for code, shape in reform.after.set_index("code").geometry.items())
    assert set(first.lines["status"]) == {"kept", "removed"}
    assert "new" in set(second.lines["status"])


def test_a_series_is_by_date_where_there_are_several(
    finished: Path, command: Callable[..., Result], tmp_path: Path
) -> None:
    target = tmp_path / "maps"
    refused(command("-o", target, "--series"), "needs the plan of the run. Name it (--plan)")
    done = command("-o", target, "--plan", finished.parent / "plan.yaml", "--series")
    assert done.exit_code == 0, done.output
    assert {path.name for path in target.glob("date_*")} == {"date_2020-01-01.png", "date_2024-01-01.png"}
    (tmp_path / "plan.yaml").write_text(yaml.safe_dump(PLAN) + "# other", encoding="utf-8")
    (tmp_path / "strip.geojson").write_bytes((finished.parent / "strip.geojson").read_bytes())
    refused(command("-o", target, "--series", "date", "--plan", tmp_path / "plan.yaml"), "is not the plan of this run")


def test_the_style_is_applied(finished: Path, tmp_path: Path) -> None:
    mine = style(
        tmp_path,
        language="no",
        source="Kilde: {title}",
        changes={"merged": {"color": "#123456", "hatch": "xx"}},
        lines={"removed": {"color": "#fedcba"}},
        titles={"overview": {"title": "Kart {map}"}},
        words={"lines": {"kept": "Gammel grense"}},
        show={"north_arrow": False, "scale_bar": False},
    )
    svg = write_maps(finished, tmp_path / "maps", formats=["svg"], style=mine)[2].read_text(encoding="utf-8")
    wanted = (
        "#123456",
        "#fedcba",
        "Kart Endring",
        "Sammenslåing",
        "Gammel grense",
        "Kilde: A reform",
        "1. januar 2020",
    )
    assert not [text for text in wanted if text not in svg]
    assert not [text for text in (CHANGES["merged"].color, ">N<", " km<") if text in svg]
    plain = write_maps(finished, tmp_path / "plain", formats=["svg"])[2].read_text(encoding="utf-8")
    assert [text in plain for text in (CHANGES["merged"].color, ">N<", " km<")] == [True, True, True]


def test_paper_and_dots(command: Callable[..., Result], tmp_path: Path) -> None:
    assert command("-o", tmp_path / "maps", "--size", "254x127", "--dpi", "100").exit_code == 0
    with Image.open(tmp_path / "maps/change.png") as picture:
        assert picture.size == (1000, 500)
    assert millimetres("a3") == (297, 420)


def test_the_style_that_is_written_is_the_one_that_holds(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["maps", "--write-style", str(tmp_path / "style.yaml")])
    assert done.exit_code == 0, done.output
    written, default = read_style(tmp_path / "style.yaml"), Style()
    assert written.look == default.look
    hold = {name: getattr(default, name) for name in Style.model_fields if name not in ("changes", "lines")}
    assert {name: getattr(written, name) for name in hold} == hold
    assert (tmp_path / "style.yaml").read_bytes() == DEFAULT.read_bytes()
    refused(CliRunner().invoke(main, ["maps", "--write-style", str(tmp_path / "style.yaml")]), "exists")


def test_every_language_has_all_words() -> None:
    known = load(TEXTS, Texts)
    for words in (known.en, known.no):
        empty = [name for name in Words.model_fields if not getattr(words, name)]
        assert not empty
        assert set(words.changes) == set(CHANGES)
        assert set(words.titles) == {"overview", "unit", "level", "date"}
        assert len(words.counted) == 2
    assert known.no.over(known.en) == known.no


def test_a_broken_style_is_told_with_its_lines(command: Callable[..., Result], tmp_path: Path) -> None:
    content = 'language: de\npage:\n  size: A9\ncolours: {}\nchanges:\n  split: {color: red}\nsource: "{wat}"\n'
    (tmp_path / "style.yaml").write_text(content + "words: {counted: ['{n} units'], months: [one]}\n", encoding="utf-8")
    refused(
        command("-o", tmp_path / "maps", "--style", tmp_path / "style.yaml"),
        "line 1: language: must be 'en' or 'no'",
        "line 3: page > size: 'A9' is no size",
        "line 4: colours: is not known here",
        "line 6: changes > split > color: 'red' is no colour",
        "line 7: source: {wat} is not known",
        "{n} is not known; use {count}",
        "a year has 12 months, not 1",
    )
    refused(command("--style", tmp_path / "none.yaml"), "cannot be read")
    assert not (tmp_path / "maps").exists()
    with pytest.raises(PlanFormatError, match="do not match"):
        style(tmp_path, source="{title")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--units", "120"], "No unit has the code 120 (--units). Did you mean 0120?"),
        (["--format", "gif"], "Maps are not drawn as gif (--format). Use png, svg, pdf."),
        (["--series", "parish"], "There is no series by parish (--series). Use one of date, county."),
        (["--size", "A99"], "'A99' is no size"),
    ],
)
def test_options_that_do_not_fit(
    command: Callable[..., Result], arguments: list[str], sentence: str, tmp_path: Path
) -> None:
    refused(command("-o", tmp_path / "maps", *arguments), sentence)
    assert not list(tmp_path.iterdir())


def test_no_finished_run_no_font_no_folder(finished: Path, command: Callable[..., Result], tmp_path: Path) -> None:
    refused(CliRunner().invoke(main, ["maps", str(tmp_path)]), "holds no finished run")
    refused(CliRunner().invoke(main, ["maps"]), "Missing argument 'RUN'")
    with pytest.raises(InputError, match=r"The font DejaVu San .* Did you mean DejaVu Sans\?"):
        write_maps(finished, tmp_path / "maps", style=style(tmp_path, font={"family": "DejaVu San"}))
    (tmp_path / "file").write_text("", encoding="utf-8")
    refused(command("-o", tmp_path / "file"), "is a file. Name a folder")
    refused(command("-o", tmp_path / "file/maps"), "cannot be written")
    refused(command("-o", finished / "maps"), "lies in the folder of the run")


def test_files_of_others_stay_and_old_maps_go(finished: Path, tmp_path: Path) -> None:
    target = tmp_path / "maps"
    write_maps(finished, target, formats=["svg"], units=["0120"])
    (target / "mine").mkdir()
    (target / "mine/notes.txt").write_text("mine", encoding="utf-8")
    write_maps(finished, target, formats=["svg"])
    assert (target / "mine/notes.txt").read_text(encoding="utf-8") == "mine"
    assert {path.name for path in target.iterdir()} == {"before.svg", "after.svg", "change.svg", "maps.json", "mine"}
    assert not [path for path in tmp_path.iterdir() if path != target]


def test_what_was_changed_by_hand_is_not_lost(finished: Path, tmp_path: Path) -> None:
    target = tmp_path / "maps"
    write_maps(finished, target, formats=["svg"])
    (target / "after.svg").write_text("drawn on", encoding="utf-8")
    (target / "before.pdf").write_text("of somebody", encoding="utf-8")
    with pytest.raises(LayerError) as caught:
        write_maps(finished, target, formats=["pdf"])
    assert ["before.pdf, which geomerge did not write" in fault for fault in caught.value.faults] == [True, False]
    assert "maps that were changed since (after.svg)" in caught.value.faults[1]
    assert (target / "after.svg").read_text(encoding="utf-8") == "drawn on"
    write_maps(finished, target, formats=["pdf"], overwrite=True)
    assert (target / "before.pdf").read_bytes()[:4] == b"%PDF"


def test_a_failure_leaves_the_maps_as_they_were(finished: Path, tmp_path: Path, monkeypatch: Any) -> None:
    target = tmp_path / "maps"
    paths = write_maps(finished, target, formats=["svg"])
    before = [path.read_bytes() for path in paths]

    def fail(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("geomerge.atlas.write_contents", fail)
    with pytest.raises(LayerError, match="No space left"):
        write_maps(finished, target, formats=["svg"], style=Style(language="no"))
    assert [path.read_bytes() for path in paths] == before
    assert list(tmp_path.iterdir()) == [target]


def test_north_is_not_always_up() -> None:
    oslo = gpd.GeoSeries([Point(10.75, 59.9)], crs=4326).to_crs(25833).iloc[0]
    convergence = math.radians(10.75 - 15) * math.sin(math.radians(59.9))
    assert north_of((oslo.x, oslo.y), "EPSG:25833") == pytest.approx(convergence, rel=0.01)
