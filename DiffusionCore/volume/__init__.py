"""`Volume`, its files, geometry and intensity: a scan as voxels with their place in the patient."""

from .files import (
    check_grid,
    check_no_input,
    check_output,
    check_series_place,
    read_header,
    read_volume,
    same_file,
    write_volume,
)
from .header import Header
from .volume import MODALITIES, Volume

__all__ = [
    "MODALITIES",
    "Header",
    "Volume",
    "check_grid",
    "check_no_input",
    "check_output",
    "check_series_place",
    "read_header",
    "read_volume",
    "same_file",
    "write_volume",
]
