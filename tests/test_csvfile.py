"""A CSV file is written again cell by cell: every byte that does not change stays."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pandas as pd
import pytest

from geomerge.errors import LayerError
from geomerge.files import csvfile
from geomerge.files.revision import Revision

DIALECTS = [
    pytest.param(mark, quoted, end, encoding, id=f"{name}-{'all' if quoted else 'min'}-{end_name}-{encoding}")
    for mark, name in ((";", "semicolon"), (",", "comma"), ("\t", "tab"), ("|", "pipe"))
    for quoted in (True, False)
    for end, end_name in (("\n", "lf"), ("\r\n", "crlf"))
    for encoding in ("utf-8", "utf-8-sig", "iso-8859-1")
]


def given(encoding: str) -> str | None:
    return "ISO-8859-1" if encoding == "iso-8859-1" else None


def change(**values: object) -> Revision:
    return Revision({"kode": pd.Series(list(values.values()), index=[int(key[1:]) for key in values])})


@pytest.mark.parametrize(("mark", "quoted", "end", "encoding"), DIALECTS)
def test_only_changed_cells_differ(mark: str, quoted: bool, end: str, encoding: str, tmp_path: Path) -> None:
    rows = [["kode", "navn", "tall"], ["0301", "Ærø", "1.5"], ["0704", "", "=SUM(A1)"], ["0710", "x", "1e3"]]
    text = end.join(mark.join(f'"{cell}"' if quoted else cell for cell in row) for row in rows) + end
    source, target = tmp_path / "a.csv", tmp_path / "b.csv"
    source.write_bytes(text.encode(encoding))
    read = csvfile.read(source, given(encoding))
    assert read.columns.tolist() == ["kode", "navn", "tall"]
    assert read["kode"].tolist() == ["0301", "0704", "0710"]
    assert read["navn"].isna().tolist() == [False, True, False]
    csvfile.rewrite(source, target, change(_1="0999"), given(encoding))
    assert target.read_bytes() == text.replace("0704", "0999").encode(encoding)


MIXED = (
    'kode;"navn med ; i";tall\r\n'
    '0301;"Tøns""berg";1,50\r\n'
    '"0704";plain "quote" inside;=1+1\r\n'
    "\r\n"
    '0710;"two\r\nlines";-0\r\n'
    "0711;last;"
)


def test_mixed_quotes_stay_as_they_are(tmp_path: Path) -> None:
    source, target = tmp_path / "a.csv", tmp_path / "b.csv"
    source.write_bytes(MIXED.encode())
    read = csvfile.read(source)
    assert read["navn med ; i"].tolist() == ['Tøns"berg', 'plain "quote" inside', "two\r\nlines", "last"]
    assert read["tall"].tolist()[:3] == ["1,50", "=1+1", "-0"]
    csvfile.rewrite(source, target, change(_0="0999", _1="0998", _2="0997", _3="a;b"))
    expected = MIXED.replace("0301", "0999").replace("0704", "0998").replace("0710", "0997").replace("0711", '"a;b"')
    assert target.read_bytes() == expected.encode()


def test_rows_are_removed_and_added(tmp_path: Path) -> None:
    source, target = tmp_path / "a.csv", tmp_path / "b.csv"
    source.write_bytes(MIXED.encode())
    csvfile.rewrite(source, target, Revision({"kode": pd.Series(["9"], index=[8])}, removed=(0,), added={8: 2}))
    expected = MIXED.replace('0301;"Tøns""berg";1,50\r\n', "") + '\r\n9;"two\r\nlines";-0\r\n'
    assert target.read_bytes() == expected.encode()


def test_a_missing_value_is_an_empty_cell(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('kode,b\n0301,"x"\n')
    csvfile.rewrite(tmp_path / "a.csv", tmp_path / "b.csv", change(_0=None))
    assert (tmp_path / "b.csv").read_text() == 'kode,b\n,"x"\n'


@pytest.mark.parametrize("row", ["0704;x;y", "0704"])
def test_a_broken_row_is_named_by_its_line(row: str, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(f'kode;navn\n0301;"two\nlines"\n{row}\n')
    with pytest.raises(LayerError, match=rf"a.csv line 4 has {row.count(';') + 1} values, but the header has 2"):
        csvfile.read(tmp_path / "a.csv")
    with pytest.raises(LayerError, match=r"a\.csv line 4 has"):
        csvfile.rewrite(tmp_path / "a.csv", tmp_path / "b.csv", change(_1="9"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty. A table needs a header row"),
        ("kode\nÆrø\n".encode("iso-8859-1"), "is not utf-8: line 2 holds byte 0xC6. Name its encoding"),
    ],
)
def test_what_cannot_be_read_is_said(content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(LayerError, match=message):
        csvfile.read(tmp_path / "a.csv")


def test_an_unknown_encoding_or_letter_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("kode\n1\n")
    with pytest.raises(LayerError, match="latinsk is no encoding"):
        csvfile.read(tmp_path / "a.csv", "latinsk")
    with pytest.raises(LayerError, match="ISO-8859-1 has no letter 'Ł'"):
        csvfile.rewrite(tmp_path / "a.csv", tmp_path / "b.csv", change(_0="Łódź"), "ISO-8859-1")
    with pytest.raises(LayerError, match="has no column kode2"):
        csvfile.rewrite(tmp_path / "a.csv", tmp_path / "b.csv", Revision({"kode2": pd.Series(["x"], index=[0])}))
    (tmp_path / "a.csv").write_text('kode\n"1\n')
    with pytest.raises(LayerError, match="line 2: a quote is opened and never closed"):
        csvfile.rewrite(tmp_path / "a.csv", tmp_path / "b.csv", change(_0="2"))


def test_columns_of_the_same_name_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a,a,\n1,2,3\n")
    assert csvfile.read(tmp_path / "a.csv").columns.tolist() == ["a", "a.1", ""]


def test_long_cells_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(f"kode,WKT\n1,{'x' * 200_000}\n")
    assert csvfile.read(tmp_path / "a.csv")["WKT"].str.len().tolist() == [200_000]


def test_rewriting_takes_no_more_memory_for_a_larger_file(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("kode;navn\n" + "0301;xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n" * 100_000)
    tracemalloc.start()
    try:
        csvfile.rewrite(tmp_path / "a.csv", tmp_path / "b.csv", change(_5="0999"))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 1_000_000 < (tmp_path / "a.csv").stat().st_size


@pytest.mark.parametrize("column", [
    ["a", "b,c", 'd "e"', "f\ng", None, "", "h\ri", "blåbær"],
    [1, 2, 3, 4, 5, 6, 7, 8],
    [1.5, 1234567.0, None, 1e-9, 0.1 + 0.2, 3.0, float("inf"), -0.0],
    [1, "2", None, "x,y", 5, 6, True, 8],
    [1, 2.5, None, "x", 5, 6, 7, 8],
    [None] * 8,
])  # fmt: skip
def test_a_table_is_written_as_pandas_writes_it(column: list[object], tmp_path: Path) -> None:
    table = pd.DataFrame({"first": column, "a, b": range(8), "last": pd.Series(column, dtype=object)})
    for count in (8, 6, 0):
        with (tmp_path / "a.csv").open("wb") as stream:
            csvfile.write_header(stream, table.columns)
            csvfile.write_rows(stream, table[:count])
        expected = table[:count].to_csv(index=False, lineterminator="\n", float_format="%.6g")
        assert (tmp_path / "a.csv").read_bytes() == expected.encode()
