"""The configuration: whatever an operator's file holds.

It is refused with its mistakes, which tell no secret, or taken; and what is taken can be shown and served.
"""

from __future__ import annotations

import json
import pickle
from datetime import date
from pathlib import Path
from unittest.mock import patch

from config import files
from config.load import Loaded, parse
from config.problems import ConfigError
from config.redact import redacted
from routing.compile import compile_snapshot

TODAY = date(2026, 11, 1)
SECRET = "canary~" + "0123456789abcdef" * 2
"""No name can be spelled like it, so nothing that is told may hold it."""
KEYS = ("SECRET", "OPENAI_API_KEY", "GEMINI_API_KEY", "GROQ_API_KEY")
ENVIRON = {**dict.fromkeys(KEYS, SECRET), "MODEL": "gpt-4.1-mini"}
CONTENT = {".txt": b"You are terse.\n", ".json": b'{"type": "object"}'}


def configuration_target(data: bytes) -> None:
    """A file that holds `data`. Files that it names are never opened: some block, some have no end."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return  # refused before it is parsed
    try:
        with patch.object(files, "read", read):
            loaded = parse(text, base=Path("/nowhere"), environ=ENVIRON, today=TODAY)
    except ConfigError as error:
        assert error.problems
        assert SECRET not in str(error), "a refusal that tells a secret"
        return
    check(loaded)


def check(loaded: Loaded) -> None:
    """What holds for every configuration that is taken."""
    assert all(map(str, loaded.warnings))
    shown = redacted(loaded.config)
    assert json.loads(json.dumps(shown, allow_nan=False))
    assert "@" not in shown["store"]["url"], "the store's password is shown"
    for upstream in shown["upstreams"].values():
        assert SECRET not in str(upstream.get("api_key")), "an upstream's key is shown"
    snapshot = compile_snapshot(loaded.config, revision=1, signing_keys=(b"s" * 32,), unit_key=b"unit" * 8)
    assert pickle.loads(pickle.dumps(snapshot)) == snapshot, "the workers would get another one"


def read(path: Path) -> bytes:
    """The file at `path`, if it is one of ours."""
    content = CONTENT.get(path.suffix)
    if content is None:
        raise ValueError("cannot be read")
    return content
