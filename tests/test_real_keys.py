"""Keys of a real cadastre: every parcel of a French commune that is absorbed."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import pandas as pd
import pytest

from geomerge.keylayout import key_layout
from geomerge.keyledger import check_ledger, lookup_key
from geomerge.keyproposal import propose_keys
from geomerge.plan import KeyRule
from geomerge.rekey import joined, rekey

RULE = KeyRule.model_validate({"from": "91216", "to": "91345", "prefix": "code"})
SPREAD = ["prefixe", "section", "numero"]


@pytest.fixture(scope="module")
def parcels(shared: Path) -> pd.DataFrame:
    found = gpd.read_file(shared / "france" / "parcels_91216.geojson")
    return pd.DataFrame(found.drop(columns="geometry")).assign(new_code="91345")


def test_whole_keys_get_the_prefix(parcels: pd.DataFrame) -> None:
    new = rekey(parcels, [RULE], key=["id"], code="commune", layout="cadastre_fr")["id"]
    assert len(new) == new.nunique() == 4241
    assert (new == "91345216" + parcels["id"].str[8:]).all()
    back = pd.DataFrame({"id": new, "commune": "91345", "new_code": "91216"})
    table = pd.DataFrame({"from": new, "to": parcels["id"]})
    rules = [KeyRule(table="ledger")]
    old = rekey(back, rules, key=["id"], code="commune", layout="cadastre_fr", tables={"ledger": table})["id"]
    assert old.tolist() == parcels["id"].tolist()


def test_keys_in_columns_and_whole_ones_beside_them_follow_together(parcels: pd.DataFrame) -> None:
    new = rekey(parcels, [RULE], key=SPREAD, code="commune", text="id", layout="cadastre_fr")
    assert new["prefixe"].unique().tolist() == ["216"]
    assert new[["section", "numero"]].equals(parcels[["section", "numero"]])
    layout = key_layout("cadastre_fr")
    assert (joined(new, parcels["new_code"], SPREAD, layout) == new["id"]).all()
    assert (joined(parcels, parcels["commune"], SPREAD, layout) == parcels["id"]).all()


def test_the_ledger_is_one_to_one_and_answers_both_ways(parcels: pd.DataFrame) -> None:
    layout = key_layout("cadastre_fr")
    new = rekey(parcels, [RULE], key=["id"], code="commune", layout=layout)
    ledger = pd.DataFrame({"layer": "parcels", "id": parcels.index, "old_code": "91216", "new_code": "91345"})
    ledger["old_key"] = joined(parcels, parcels["commune"], ["id"], layout)
    ledger["new_key"] = joined(new, parcels["new_code"], ["id"], layout)
    assert list(check_ledger(ledger)) == []
    assert lookup_key(ledger, "91216000AB0037").became[0].new == "91345216AB0037"
    assert lookup_key(ledger, "91345216AB0037").was[0].old == "91216000AB0037"


def test_the_prefix_is_what_is_proposed(parcels: pd.DataFrame) -> None:
    other = pd.DataFrame({"id": ["91345000AB0037"], "commune": "91345", "new_code": "91345"})
    both = pd.concat([parcels, other], ignore_index=True)
    assert propose_keys(both, key=["id"], code="commune", layout="cadastre_fr") == (RULE,)
