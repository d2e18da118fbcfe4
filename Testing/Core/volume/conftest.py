"""What the tests of volumes share."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="session")
def dicom() -> ModuleType:
    """The builder of small DICOM series, `dicom_builder.py` beside this file."""
    spec = importlib.util.spec_from_file_location("dicom_builder", Path(__file__).with_name("dicom_builder.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
