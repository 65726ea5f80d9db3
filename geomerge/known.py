"""Names that job files give to CRS and encodings, checked as soon as they are read."""

from __future__ import annotations

import codecs
from typing import Annotated

from pydantic import AfterValidator, Field
from pyproj import CRS
from pyproj.exceptions import CRSError as UnknownCRS


def _known_crs(name: str) -> str:
    name = f"EPSG:{name}" if name.isdigit() else name
    try:
        CRS.from_user_input(name)
    except UnknownCRS as error:
        raise ValueError(f"{name} is no CRS that PROJ knows; write it like EPSG:25832") from error
    return name


def _projected(name: str) -> str:
    if not CRS.from_user_input(name).is_projected:
        raise ValueError(f"areas cannot be measured in {name}; name a projected CRS, such as EPSG:25832")
    return name


def _known_encoding(name: str) -> str:
    """Return an encoding under the name that both Python and GDAL know: latin-1 is ISO-8859-1."""
    try:
        known = codecs.lookup(name).name
    except LookupError as error:
        raise ValueError(f"{name} is no known encoding; write it like UTF-8 or ISO-8859-1") from error
    return known.replace("iso8859-", "ISO-8859-")


Named = Annotated[str, Field(min_length=1)]
KnownCRS = Annotated[Named, AfterValidator(_known_crs)]
ProjectedCRS = Annotated[KnownCRS, AfterValidator(_projected)]
KnownEncoding = Annotated[Named, AfterValidator(_known_encoding)]
