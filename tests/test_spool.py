"""What waits on the disk comes back as it was, and nothing of it stays."""

from __future__ import annotations

import gc
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from geomerge.errors import LayerError
from geomerge.spool import Spool


def test_items_come_back_in_order_and_as_they_were(tmp_path: Path) -> None:
    tables = [
        pd.DataFrame(
            {"code": pd.Series(["0301", None, ""], dtype=object), "share": [0.5, np.nan, 1.0]}, index=[7, 3, 5]
        ),
        pd.DataFrame({"code": pd.Series([], dtype=object), "share": pd.Series([], dtype=float)}),
    ]
    with Spool(tmp_path) as spool:
        for table in tables:
            spool.put("changes æ/../" + "x" * 300, table)
        spool.put("other", 1)
        for _ in range(2):  # any number of times
            for found, table in zip(spool.items("changes æ/../" + "x" * 300), tables, strict=True):
                pd.testing.assert_frame_equal(found, table)
        assert list(spool.items("nothing")) == []


def test_nothing_is_made_before_it_is_needed_and_nothing_stays(tmp_path: Path) -> None:
    parent = tmp_path / "later"
    with Spool(parent, "spool-") as spool:
        assert not parent.exists()
        spool.put("one", 1)
        (folder,) = parent.iterdir()
        assert folder.name.startswith("spool-")
        if os.name == "posix":
            assert folder.stat().st_mode & 0o077 == 0  # nobody else may read it
    assert list(parent.iterdir()) == []
    with pytest.raises(LayerError, match="gone when it is over"):
        list(spool.items("one"))


def test_a_spool_that_is_forgotten_goes(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.put("one", 1)
    del spool
    gc.collect()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LayerError, match=r"file.* cannot be written: .*Choose another folder|choose another folder"):
        Spool(tmp_path / "file").put("one", 1)
