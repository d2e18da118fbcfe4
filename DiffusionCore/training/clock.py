"""What minutes of training are: of the wall, or of the processor, for runs compared at equal cost on a busy machine."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Literal

ClockName = Literal["wall", "processor"]

CLOCKS: Mapping[str, Callable[[], float]] = MappingProxyType({"wall": time.monotonic, "processor": time.process_time})
"""Each gives seconds, of which differences mean something; `processor` adds up all threads of this process."""
