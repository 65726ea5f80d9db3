"""Recode a layer of a GIS file: its columns are read, and only what changes is written anew."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from geomerge import layers
from geomerge.files.revision import Revision
from geomerge.recode.tally import Tally, identify
from geomerge.recode.translate import cells_of, new_columns, require_columns, translate_cells
from geomerge.recode.translation import Translation
from geomerge.registers import RegisterConfig
from geomerge.rewrite import rewrite


def recode_layer(source: Path, target: Path | None, register: RegisterConfig, translation: Translation) -> Tally:
    """Recode a layer into another file, in the same format; nothing is written without a target."""
    info = layers.describe(source, register.table, register.encoding)
    require_columns(info.fields, register)
    wanted = list(register.wanted)
    rows = pd.DataFrame(layers.read(source, info.layer, columns=wanted, encoding=register.encoding))
    tally = Tally(register)
    told, place, combinations = translate_cells(cells_of(rows, register), len(rows), register, translation)
    tally.add(told, place, combinations, ids=identify(rows, register))
    if target is not None:
        new = new_columns(rows, told, place)
        changed = {name: values[told.changed[name][place]] for name, values in new.items()}
        day = translation.days[-1].isoformat() if translation.days else layers.EPOCH[:10]
        revisions = {info.layer or "": Revision(changed)}
        rewrite(info, target, revisions, changed_at=f"{day}T00:00:00.000Z", report=tally.note)
    return tally
