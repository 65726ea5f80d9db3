"""The one door to files: layers are read, described and written through GDAL here, and nowhere else.

pyogrio moves the bulk, as Arrow tables, with every type and null as the file has it. fiona writes the formats that
have no road of their own, feature by feature, with the schema they declare.
"""

from __future__ import annotations

from geomerge.files.formats import FORMATS, SEPARATOR, Format, Info, concerns, format_of, split_name
from geomerge.files.revision import Revision
from geomerge.layers.parting import Parted, parted, size_in_memory
from geomerge.layers.reading import (
    describe,
    fids,
    grid,
    layer_names,
    read,
    read_apart,
    read_arrow,
    refuse_curves,
    versions,
)
from geomerge.layers.writing import EPOCH, store, stream, writable, write, write_arrow, write_tiles

__all__ = [
    "EPOCH", "FORMATS", "SEPARATOR", "Format", "Info", "Parted", "Revision", "concerns", "describe", "fids",
    "format_of", "grid", "layer_names", "parted", "read", "read_apart", "read_arrow", "refuse_curves",
    "size_in_memory", "split_name", "store", "stream", "versions", "writable", "write", "write_arrow", "write_tiles",
]  # fmt: skip
