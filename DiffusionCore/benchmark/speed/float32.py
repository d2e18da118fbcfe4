"""The command line as a CPU without bfloat16 runs it: `python -m DiffusionCore.benchmark.speed.float32 enhance ...`."""

from __future__ import annotations

import runpy
from unittest.mock import patch

if __name__ == "__main__":
    with patch("DiffusionCore.inference.device.cpu_has_bfloat16", lambda: False):
        runpy.run_module("DiffusionCore", run_name="__main__", alter_sys=True)
