"""What every test can ask for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real scans, or a skip: a stranger's clone has none."""
    named = os.environ.get("DIFFUSIONCORE_DATA")
    root = Path(named) if named else Path(__file__).resolve().parents[2] / "shared" / "data"
    if not (root / "mr" / "index.csv").is_file():
        pytest.skip("the real scans are not here; set DIFFUSIONCORE_DATA to their folder")
    return root
