"""The two pipes of the protocol, kept apart from whatever a library prints or reads."""

from __future__ import annotations

import io
import json
import os
import sys
import threading
from collections.abc import Iterator
from typing import Any

MAX_LINE = 2**20  # bytes of a request


class Channel:
    """Requests from one file descriptor, answers to another; answers may be sent from any thread."""

    def __init__(self, incoming: int, outgoing: int) -> None:
        self._lines = open(incoming, "rb")  # noqa: SIM115  (open for the life of the process)
        self._outgoing = outgoing
        self._lock = threading.Lock()

    def lines(self) -> Iterator[bytes | None]:
        """Each line without its end; None for one longer than `MAX_LINE`, whose content is dropped. Ends with the input."""
        while line := self._lines.readline(MAX_LINE + 1):
            if len(line) <= MAX_LINE or line.endswith(b"\n"):
                yield line.rstrip(b"\r\n")
                continue
            while line and not line.endswith(b"\n"):
                line = self._lines.readline(MAX_LINE)
            yield None

    def send(self, message: dict[str, Any]) -> None:
        """One answer. Nothing happens if nobody listens any more: the end of the input tells that as well."""
        line = (json.dumps(message, allow_nan=False) + "\n").encode("ascii")
        with self._lock:
            try:
                while line:
                    line = line[os.write(self._outgoing, line) :]
            except OSError:
                pass


def take_over_standard_streams() -> Channel:
    """A channel on this process's standard input and output, which from now on are empty and the log.

    By file descriptor, so that it holds for libraries in C as well; and on Windows a library that only looks at the
    standard input when it is loaded would wait for the thread that reads there.
    """
    incoming, outgoing = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    sys.stderr.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)
    sys.stdout = sys.stderr
    sys.stdin = io.StringIO()
    return Channel(incoming, outgoing)
