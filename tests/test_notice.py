"""The notice of a run: all of its ledger, in a package that proves itself, and what is open is said to be open."""

from __future__ import annotations

import csv
import hashlib
import html
import json
import re
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas as gpd
import jsonschema
import pandas as pd
import pytest
import shapely
from click.testing import CliRunner

from geomerge.cli import main
from geomerge.errors import InputError, LayerError
from geomerge.notice import verify_notice, write_notice
from geomerge.run import run


@pytest.fixture(scope="module")
def finished(finished_sample: Path) -> Path:
    """Return the finished run of the sample."""
    return finished_sample / "out"


@pytest.fixture(scope="module")
def package(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the notice of the sample."""
    return write_notice(finished, tmp_path_factory.mktemp("notice") / "notice").folder


@pytest.fixture
def copied(package: Path, tmp_path: Path) -> Path:
    """Return a copy of the notice, to be tampered with."""
    return Path(shutil.copytree(package, tmp_path / "notice"))


def notice_of(package: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((package / "notice.json").read_text(encoding="utf-8"))
    return found


def table(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, dtype=str, keep_default_na=False)


def told(package: Path) -> list[str]:
    return [f"{finding.severity} {finding.what}" for finding in verify_notice(package)]


def sealed(folder: Path) -> None:
    """Let the checksums be those of the files as they are, as one would who means to deceive."""
    names = [line.partition("  ")[2] for line in (folder / "SHA256SUMS").read_text(encoding="utf-8").splitlines()]
    lines = [f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}\n" for name in names]
    (folder / "SHA256SUMS").write_text("".join(lines), encoding="utf-8")


class TestContent:
    """What the package tells."""

    def test_it_has_every_row_of_the_ledger_once(self, finished: Path, package: Path) -> None:
        ledger = table(finished / "ledger.csv")
        columns = ["id", "old_code", "new_code", "old_key", "new_key", "event"]
        for name, rows in ledger.groupby("layer"):
            found = table(package / f"changes/{name}.csv")
            assert found.values.tolist() == rows[columns].values.tolist()
            lines = (package / f"changes/{name}.jsonl").read_text(encoding="utf-8").splitlines()
            assert [list(json.loads(line).values()) for line in lines] == found.values.tolist()
        assert {layer["name"]: layer["changed"] for layer in notice_of(package)["layers"]} == {
            "parcels": 5134,
            "cadastral_units": 5174,
            "districts": 23,
            "addresses": 2292,
            "buildings": 2297,
        }

    def test_codes_are_quoted_texts_with_their_zeros(self, package: Path) -> None:
        for path in package.rglob("*.csv"):
            with path.open(encoding="utf-8", newline="") as stream:
                assert all(re.fullmatch(r'("([^"]|"")*",?)+\n', line) for line in stream), path
        assert (package / "changes/districts.csv").read_text(encoding="utf-8").splitlines()[1].count('"0706"') == 1

    def test_units_have_names_and_shares(self, package: Path) -> None:
        units = table(package / "units.csv")
        changed = units[units["event"] != ""]
        assert changed[["old_name", "new_name", "kind"]].values.tolist() == [
            ["Sandefjord", "Sandefjord", "whole"],
            ["Andebu", "Sandefjord", "whole"],
            ["Stokke", "Tønsberg", "part"],
            ["Stokke", "Sandefjord", "part"],
        ]
        assert units.to_dict("records") == notice_of(package)["units"]

    def test_what_is_open_is_listed_and_in_no_change(self, package: Path) -> None:
        notice, rows = notice_of(package), table(package / "open.csv")
        assert notice["open"]["by_layer"] == {"cadastral_units": 33, "districts": 1, "parcels": 33}
        assert (
            notice["open"]["by_reason"]["straddles the new border"]
            == (rows["reason"] == "straddles the new border").sum()
        )
        assert len(rows) == notice["open"]["rows"] == 67
        changes = table(package / "changes/parcels.csv")
        assert not set(changes["id"]) & set(rows.loc[rows["layer"] == "parcels", "id"])

    def test_it_fits_its_schema(self, package: Path) -> None:
        schema = json.loads((package / "notice.schema.json").read_text(encoding="utf-8"))
        validator = jsonschema.Draft202012Validator
        validator.check_schema(schema)
        jsonschema.validate(notice_of(package), schema, cls=validator)
        change = validator({"$ref": "#/$defs/change", "$defs": schema["$defs"]})
        for path in package.glob("changes/*.jsonl"):
            for line in path.read_text(encoding="utf-8").splitlines()[:50]:
                change.validate(json.loads(line))
        assert not validator(schema).is_valid(notice_of(package) | {"schema_version": "2.0"})
        assert not change.is_valid({"id": 5})

    def test_sizes(self, package: Path) -> None:
        sizes = {
            path.relative_to(package).as_posix(): path.stat().st_size for path in package.rglob("*") if path.is_file()
        }
        assert sizes["notice.html"] < 60_000
        assert package.with_suffix(".zip").stat().st_size < sum(sizes.values()) / 5


class TestPage:
    """The page people read."""

    def test_it_needs_nothing_and_shows_first_rows_only(self, package: Path) -> None:
        page = (package / "notice.html").read_text(encoding="utf-8")
        assert not re.search(r"<script|<link|<img|src=|https?:|url\(|@import", page)
        assert "Valid from <strong>2017-01-01</strong>" in page
        assert "67 rows are still open" in page
        ids = table(package / "changes/parcels.csv")["id"]
        assert [f"<td>{one}</td>" in page for one in ids[:25]] == [True] * 20 + [False] * 5
        assert "5\u202f134 rows in <code>changes/parcels.csv</code>, of which the first 20 are shown" in page

    def test_names_are_escaped(self, small_job: Any, tmp_path: Path) -> None:
        evil = '<script>alert("x")</script>'
        small_job.units["name"] = [evil, "Bø & co", "=HYPERLINK(1)", "Dæ"]
        small_job.plan["title"] = f"Title {evil}"
        small_job.plan["events"] = [{"merge": ["0101", "0102"], "into": "0110", "name": evil}]
        run(small_job.write())
        page = (write_notice(small_job.output, tmp_path / "n").folder / "notice.html").read_text(encoding="utf-8")
        assert "<script" not in page
        assert page.count(html.escape(evil, quote=False).replace('"', "&#34;")) >= 4

    def test_long_ledgers_stay_out_of_it(self, small_job: Any, tmp_path: Path) -> None:
        count = 3000
        points = shapely.points([(10 + at % 900, 10 + at // 900) for at in range(count)])
        small_job.parcels = gpd.GeoDataFrame({"id": range(count), "code": "0101"}, geometry=points, crs="EPSG:25833")
        run(small_job.write())
        done = write_notice(small_job.output, tmp_path / "n")
        assert done.counts == {"parcels": count, "open": 0}
        assert (done.folder / "notice.html").stat().st_size < 20_000
        assert len(table(done.folder / "changes/parcels.csv")) == count
        assert "Nothing is open." in (done.folder / "notice.html").read_text(encoding="utf-8")


class TestPackage:
    """Folder and archive."""

    def test_the_same_run_gives_the_same_bytes(self, finished: Path, package: Path, tmp_path: Path) -> None:
        other = write_notice(finished, tmp_path / "elsewhere" / "notice")
        assert other.archive.read_bytes() == package.with_suffix(".zip").read_bytes()
        assert other.fingerprint == hashlib.sha256((package / "SHA256SUMS").read_bytes()).hexdigest()

    def test_the_archive_holds_the_folder(self, package: Path) -> None:
        with zipfile.ZipFile(package.with_suffix(".zip")) as archive:
            held = {name.removeprefix("notice/"): archive.read(name) for name in archive.namelist()}
        assert held == {p.relative_to(package).as_posix(): p.read_bytes() for p in package.rglob("*") if p.is_file()}

    def test_it_replaces_a_notice_and_nothing_else(self, finished: Path, copied: Path) -> None:
        assert write_notice(finished, copied).folder == copied
        (copied / "letter.txt").write_text("Dear vendor")
        with pytest.raises(LayerError, match=r"holds what is not of a notice \(letter.txt\)"):
            write_notice(finished, copied)
        assert (copied / "letter.txt").exists()

    def test_it_replaces_no_other_archive(self, finished: Path, tmp_path: Path) -> None:
        (tmp_path / "n.zip").write_bytes(b"holiday photos")
        with pytest.raises(LayerError, match="is no notice"):
            write_notice(finished, tmp_path / "n")
        assert (tmp_path / "n.zip").read_bytes() == b"holiday photos"
        assert not (tmp_path / "n").exists()

    def test_it_does_not_go_into_the_run(self, finished: Path) -> None:
        with pytest.raises(InputError, match="lies in the results of the run"):
            write_notice(finished, finished / "notice")

    def test_a_run_that_was_changed_is_refused(self, finished: Path, tmp_path: Path) -> None:
        changed = Path(shutil.copytree(finished, tmp_path / "out"))
        with (changed / "ledger.csv").open("a", encoding="utf-8") as ledger:
            ledger.write("parcels,1,0706,0710,,,code,,,,,\n")
        with pytest.raises(InputError, match=r"ledger\.csv was changed after the run"):
            write_notice(changed, tmp_path / "n")
        assert not (tmp_path / "n").exists()
        assert not list(tmp_path.glob(".*"))

    def test_no_run_no_notice(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="holds no finished run"):
            write_notice(tmp_path, tmp_path.with_name("n"))

    def test_a_run_without_layers_tells_of_units(self, small_job: Any, tmp_path: Path) -> None:
        small_job.job["layers"] = []
        run(small_job.write())
        done = write_notice(small_job.output, tmp_path / "n")
        assert verify_notice(done.archive) == []
        assert notice_of(done.folder)["layers"] == []
        assert table(done.folder / "units.csv")["new_code"].tolist() == ["0110", "0110", "0103", "0104"]
        assert "The run had no layers" in (done.folder / "notice.html").read_text(encoding="utf-8")


class TestVerify:
    """The package proves itself; each fault put into it is found."""

    def test_what_was_written_is_in_order(self, package: Path) -> None:
        assert told(package) == []
        assert told(package.with_suffix(".zip")) == []

    def test_a_changed_file_is_found(self, copied: Path) -> None:
        path = copied / "changes/parcels.csv"
        path.write_bytes(path.read_bytes().replace(b"0710-1/1", b"0710-1/9", 1))
        assert told(copied) == ["must changes/parcels.csv is not as it was written"]

    def test_missing_and_foreign_files_are_found(self, copied: Path) -> None:
        (copied / "open.csv").rename(copied / "closed.csv")
        assert told(copied) == ["must open.csv is missing", "should closed.csv is not of the package"]

    @pytest.mark.parametrize(
        ("change", "fault"),
        [
            (lambda text: "".join(text.splitlines(keepends=True)[:-1]), "open.csv has 66 rows, but the notice says 67"),
            (lambda text: text.replace('"reason"', '"why"', 1), "open.csv has the columns"),
        ],
        ids=["row lost", "column renamed"],
    )
    def test_counts_and_columns_are_checked_behind_the_checksums(
        self, copied: Path, change: Callable[[str], str], fault: str
    ) -> None:
        path = copied / "open.csv"
        path.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8", newline="\n")
        sealed(copied)
        assert fault in told(copied)[0]

    def test_totals_are_those_of_the_files(self, copied: Path) -> None:
        notice = notice_of(copied)
        notice["layers"][0]["changed"] -= 1
        (copied / "notice.json").write_text(json.dumps(notice), encoding="utf-8")
        sealed(copied)
        assert [line.partition(" in ")[2] for line in told(copied)] == [
            "changes/parcels.csv, which has 5134",
            "changes/parcels.jsonl, which has 5134",
        ]

    def test_another_version_is_told(self, copied: Path) -> None:
        (copied / "notice.json").write_text(json.dumps(notice_of(copied) | {"schema_version": "2.0"}), encoding="utf-8")
        sealed(copied)
        assert told(copied) == ["must The package is of version 2.0, but only 1.0 is known here"]

    def test_a_damaged_archive_is_found(self, package: Path, tmp_path: Path) -> None:
        data = bytearray(package.with_suffix(".zip").read_bytes())
        data[2000] ^= 0xFF
        (tmp_path / "n.zip").write_bytes(data)
        assert told(tmp_path / "n.zip")[0].startswith("must changes/addresses.csv is not as it was written")

    @pytest.mark.parametrize("content", [b"", b"PK no archive"])
    def test_what_is_no_package_is_refused(self, content: bytes, tmp_path: Path) -> None:
        (tmp_path / "n.zip").write_bytes(content)
        with pytest.raises(InputError, match="is no package"):
            verify_notice(tmp_path / "n.zip")
        with pytest.raises(InputError, match="it has no SHA256SUMS"):
            verify_notice(tmp_path)
        with pytest.raises(InputError, match="is no package"):
            verify_notice(tmp_path / "nothing")

    def test_damaged_parts_are_told(self, copied: Path) -> None:
        (copied / "notice.json").write_text("{", encoding="utf-8")
        sealed(copied)
        with pytest.raises(InputError, match=r"notice\.json of .* is damaged"):
            verify_notice(copied)
        (copied / "SHA256SUMS").write_text("nonsense\n", encoding="utf-8")
        with pytest.raises(InputError, match=r"SHA256SUMS of .* is damaged: nonsense"):
            verify_notice(copied)


class TestCommand:
    """The command line."""

    def test_it_writes_and_verifies(self, finished: Path, tmp_path: Path) -> None:
        target = tmp_path / "vendors"
        done = CliRunner().invoke(main, ["notice", str(finished), "-o", str(target)])
        assert done.exit_code == 0, done.output
        fingerprint = hashlib.sha256((target / "SHA256SUMS").read_bytes()).hexdigest()
        assert done.output.endswith(f"{fingerprint}\n")
        checked = CliRunner().invoke(main, ["notice", "--verify", str(tmp_path / "vendors.zip")])
        assert (checked.exit_code, checked.output) == (0, "No finding: the package is as it was written.\n")
        (target / "units.csv").write_text("", encoding="utf-8")
        found = CliRunner().invoke(main, ["notice", "--verify", str(target), "--json"])
        assert found.exit_code == 1
        assert [finding["check"] for finding in json.loads(found.output)] == ["file changed"]

    def test_json_names_what_was_written(self, finished: Path, tmp_path: Path) -> None:
        done = CliRunner().invoke(main, ["notice", str(finished), "-o", str(tmp_path / "n"), "--json"])
        told = json.loads(done.output)
        assert Path(told["archive"]).exists()
        assert told["counts"]["open"] == 67

    @pytest.mark.parametrize("arguments", [["nothing"], ["--verify", "nothing"], ["--verify", "x", "-o", "y"]])
    def test_bad_input_is_told_without_a_traceback(self, arguments: list[str], tmp_path: Path) -> None:
        done = CliRunner().invoke(main, ["notice", *(a.replace("nothing", str(tmp_path / "no")) for a in arguments)])
        assert done.exit_code == 2
        assert done.stderr
        assert "Traceback" not in done.output


def test_the_documented_columns_are_those_of_the_files(package: Path) -> None:
    page = (Path(__file__).parents[1] / "docs/notice.md").read_text(encoding="utf-8")
    for path in package.rglob("*.csv"):
        with path.open(encoding="utf-8", newline="") as stream:
            for column in next(csv.reader(stream)):
                assert f"`{column}`" in page, (path.name, column)
