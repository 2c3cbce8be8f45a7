"""Logging of every process: plain lines on a terminal, a JSON object a line elsewhere.

Writing happens in a thread of its own behind a bounded queue, so that a blocked stderr costs lines and never
a request. What looks like a credential is taken out on the way.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import queue
import re
import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

STDERR = 2
WAITING = 1_000
"""Lines held while stderr is blocked; further ones are dropped."""
LAST_WORDS = 0.5
"""Seconds that a leaving process waits for its last lines to be written."""

VALUELESS = {"valueless": True}
"""`extra` of lines that name fields and hold no values, as the configuration's mistakes do: what follows the
name of a secret is a word of ours there."""

_NAMED = r"""
    (  \b (?:api[-_]?key|authorization|password|secret|token) ["']? \s* [:=] \s* ["']?
       (?:(?:bearer|basic)\s+)?
    |  \b bearer \s+
    )  [^\s"',;&]+
"""
_SHAPED = r"""
       \b (?:sk|hg|gsk|xai|hf) [-_] [A-Za-z0-9_-]{8,}
    |  \b AIza [A-Za-z0-9_-]{20,}
"""
_CREDENTIALS = re.compile(f"{_NAMED} | {_SHAPED}", re.IGNORECASE | re.VERBOSE)
"""What follows the name of a secret, and what begins as providers' keys and ours do."""
_KEYS = re.compile(_SHAPED, re.IGNORECASE | re.VERBOSE)


def redact(text: str) -> str:
    """`text` with everything that looks like a credential replaced by `***`."""
    return _CREDENTIALS.sub(lambda found: (found[1] or "") + "***", text)


def _message(record: logging.LogRecord, text: str) -> str:
    """The text as it may be shown. A key in a place where it does not belong may be the name of a field."""
    return _KEYS.sub("***", text) if getattr(record, "valueless", False) else redact(text)


class Lines(logging.Formatter):
    """For people: `headgate: message`."""

    def format(self, record: logging.LogRecord) -> str:
        """One line, and a traceback below it if there is one."""
        prefix = "headgate: " if record.levelno <= logging.INFO else f"headgate: {record.levelname.lower()}: "
        return _message(record, prefix + super().format(record))


class Objects(logging.Formatter):
    """For machines: one JSON object a line; `extra={"fields": {...}}` adds to it."""

    def format(self, record: logging.LogRecord) -> str:
        """One line without a line break in it."""
        entry: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "process": record.process,
            "message": _message(record, record.getMessage()),
        }
        fields = getattr(record, "fields", None)
        if isinstance(fields, Mapping):
            entry |= fields
        if record.exc_info:
            entry["traceback"] = redact(self.formatException(record.exc_info))
        return json.dumps(entry, default=str)


class Writer(logging.Handler):
    """Hands lines to a thread that writes them; drops them when that thread cannot keep up."""

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._lines: queue.Queue[bytes] = queue.Queue(WAITING)
        threading.Thread(target=self._write, name="log", daemon=True).start()

    def emit(self, record: logging.LogRecord) -> None:
        """Never blocks."""
        line = self.format(record).encode("utf-8", "backslashreplace") + b"\n"
        with contextlib.suppress(queue.Full):
            self._lines.put_nowait(line)

    def _write(self) -> None:
        while True:
            line = self._lines.get()
            while line:
                try:
                    line = line[os.write(self._descriptor, line) :]
                except BlockingIOError:  # somebody made the terminal or pipe that we share non-blocking
                    time.sleep(0.05)
                except OSError:
                    break  # nobody reads any more; there is nowhere to say so
            self._lines.task_done()

    def flush(self) -> None:
        """Waits a moment for the last lines; the logging package calls it when the process leaves."""
        with self._lines.all_tasks_done:
            self._lines.all_tasks_done.wait_for(lambda: not self._lines.unfinished_tasks, LAST_WORDS)


def configure(level: int = logging.INFO) -> None:
    """Sends this process's logging to stderr, as lines on a terminal, as JSON objects elsewhere."""
    writer = Writer(STDERR)
    writer.setFormatter(Lines() if os.isatty(STDERR) else Objects())
    logging.basicConfig(level=level, handlers=[writer], force=True)
    logging.getLogger("uvicorn").setLevel(logging.WARNING)  # it tells of every start and end
    logging.getLogger("httpx").setLevel(logging.WARNING)  # it tells of every URL, and webhooks' are secrets
