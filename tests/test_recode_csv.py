"""CSV is edited byte by byte, in blocks: quotes, line ends, encodings and broken rows stay as they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geomerge import Plan, Translation
from geomerge.errors import InputError, LayerError
from geomerge.files import csvfile
from geomerge.recode import blocks, csvrows
from geomerge.recode.csvrows import recode_csv
from geomerge.recode.tally import Tally
from geomerge.registers import RegisterConfig, register_of


def translation() -> Translation:
    plan = Plan(date="2017-01-01", events=[{"merge": ["0706", "0719"], "into": "07100", "name": "Sandefjørd; «ny»"}])
    return Translation.of(plan, units=None)


def register(**described: Any) -> RegisterConfig:
    return register_of(described.pop("columns", {"k": "unit"}), **described)


def recoded(folder: Path, content: bytes, described: RegisterConfig | None = None) -> tuple[bytes, Tally]:
    source, target = folder / "in.csv", folder / "out.csv"
    source.write_bytes(content)
    tally = recode_csv(source, target, described or register(), translation())
    assert source.read_bytes() == content
    return target.read_bytes(), tally


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"k;n\n0719;1\n0704;2\n", b"k;n\n07100;1\n0704;2\n"),
        (b'k,n\r\n"0719","a,b"\r\n0706,\r\n', b'k,n\r\n"07100","a,b"\r\n07100,\r\n'),
        (b"n\tk\n1\t0719", b"n\tk\n1\t07100"),
        (b"\xef\xbb\xbfk,n\n0719,1\n", b"\xef\xbb\xbfk,n\n07100,1\n"),
        (b'k,n\n0719,"a\n0719,b"\n\n0706,"say ""hi"""\n', b'k,n\n07100,"a\n0719,b"\n\n07100,"say ""hi"""\n'),
        (b'k,n\n0719,5" pipe\n0706,x\n', b'k,n\n07100,5" pipe\n07100,x\n'),
        (b"k\n0719\n\n0706\n", b"k\n07100\n\n07100\n"),
        (b"k,n\n 0719 ,=0719\n=0719,0719\n", b"k,n\n 07100 ,=0719\n=0719,0719\n"),
        (b"k,n\n", b"k,n\n"),
    ],
)
def test_only_the_cells_that_change_are_written_anew(tmp_path: Path, before: bytes, after: bytes) -> None:
    found, _ = recoded(tmp_path, before)
    assert found == after


def test_broken_rows_stay_and_are_for_review(tmp_path: Path) -> None:
    found, tally = recoded(tmp_path, b"k,n\n0719\n0719,1,2\n0706,1\n9,9,9,9\n")
    assert found == b"k,n\n0719\n0719,1,2\n07100,1\n9,9,9,9\n"
    assert tally.counts == {"rows": 4, "recoded": 1, "kept": 0, "review": 3}
    assert dict(zip(tally.review["row"], tally.review["reason"], strict=True)) == {
        0: "row has 1 values, the header 2",
        1: "row has 3 values, the header 2",
        3: "row has 4 values, the header 2",
    }


def test_the_encoding_stays(tmp_path: Path) -> None:
    described = register(columns={"k": "unit", "n": "name"}, encoding="ISO-8859-1")
    found, tally = recoded(tmp_path, "k,n\n0719,Åsgård\n".encode("iso-8859-1"), described)
    assert found == "k,n\n07100,Åsgård\n".encode("iso-8859-1")
    assert tally.names_left == 1
    with pytest.raises(LayerError, match="line 2 holds byte 0xC5"):
        recoded(tmp_path, "k,n\n0719,Åsgård\n".encode("iso-8859-1"))
    with pytest.raises(LayerError, match="Save it as UTF-8"):
        recoded(tmp_path, "k,n\n0719,x\n".encode("utf-16"), register(encoding="utf-16"))


def test_a_quote_that_is_never_closed_is_told(tmp_path: Path) -> None:
    with pytest.raises(LayerError, match="never closed in the row that begins '0706"):
        recoded(tmp_path, b'k,n\n0719,x\n0706,"abc\n1,2\n')


def test_missing_columns_are_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has no column k"):
        recoded(tmp_path, b"a,b\n1,2\n")


def test_rows_are_told_by_their_identifier(tmp_path: Path) -> None:
    plan = Plan(date="2017-01-01", events=[{"merge": ["0706", "0719"], "into": "0710"}])
    source = tmp_path / "in.csv"
    source.write_bytes(b"id,k\nA,0719\nB,x\n")
    tally = recode_csv(source, None, register(id="id"), Translation.of(plan, units=["0706", "0719"]))
    assert tally.review[["row", "id", "k", "reason"]].to_numpy().tolist() == [[1, "B", "x", "unknown code"]]


CELLS = st.one_of(
    st.sampled_from(["0719", "0706", "0704", " 0719", "", "=0719"]),
    st.text(alphabet='a"0719;\n\r å', max_size=6),
)


@settings(max_examples=120)
@given(
    rows=st.lists(st.lists(CELLS, min_size=1, max_size=4), max_size=12),
    quoted=st.booleans(),
    crlf=st.booleans(),
    size=st.sampled_from([8, 40, 1 << 20]),
)
def test_blocks_give_what_reading_record_by_record_gives(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]], quoted: bool, crlf: bool, size: int
) -> None:
    folder = tmp_path_factory.mktemp("csv")
    end = "\r\n" if crlf else "\n"
    lines = [";".join(csvfile.as_cell(cell, quoted, ";") for cell in row) for row in [["n", "k", "m"], *rows]]
    content = end.join(lines).encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csvrows, "blocks", lambda stream: blocks.blocks(stream, size))
        found, tally = recoded(folder, content)
    expected = []
    for cells in ([csvfile.as_cell(cell, quoted, ";") for cell in row] for row in rows):
        value = csvfile.value_of(cells[1]) if len(cells) == 3 else ""
        if value.strip() in ("0719", "0706") and not value.strip().startswith("="):
            new = value.replace(value.strip(), "07100")
            cells[1] = csvfile.as_cell(new, cells[1].startswith('"'), ";")
        expected.append(";".join(cells))
    assert found == end.join([lines[0], *expected]).encode()
    assert tally.rows == sum(line.strip("\r\n") != "" for line in lines[1:])


def test_stray_quotes_are_read_record_by_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csvrows, "BLOCK", 16)
    rows = b"".join(b'%d;0719;5" pipe\n' % number for number in range(50))
    found, tally = recoded(tmp_path, b"n;k;m\n" + rows)
    assert found == b"n;k;m\n" + rows.replace(b"0719", b"07100")
    assert tally.counts["recoded"] == 50
