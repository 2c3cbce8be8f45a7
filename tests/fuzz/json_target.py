"""The body of a chat request: whatever a client posts."""

from __future__ import annotations

import json
from typing import Any

from gateway.data.check import check_chat, model_of
from gateway.data.errors import GatewayError
from gateway.data.parse import dump_json, parse_json

SAID = b"content-type:"


def json_target(data: bytes) -> None:
    """A body; behind a first line that names its media type, if there is one."""
    headers = {}
    if data.startswith(SAID):
        line, _, data = data.partition(b"\n")
        headers[b"content-type"] = line[len(SAID) :].strip()
    try:
        body = parse_json(data, headers)
    except GatewayError as error:
        tell(error, data)
        return
    check(body, data)
    try:
        check_chat(body)
        assert type(model_of(body)) is str
    except GatewayError as error:
        tell(error, data)
    try:
        text = dump_json(body)
    except GatewayError as error:
        tell(error, data)
    else:
        assert repr(parse_json(text, {})) == repr(body), "forwarded as something else"


def check(body: dict[str, Any], data: bytes) -> None:
    """Whether the standard library, which keeps every number exact, reads the same."""
    try:
        again = json.loads(data, parse_constant=_refuse)
    except RecursionError:
        return
    assert repr(again) == repr(body), "read as something else"


def tell(error: GatewayError, data: bytes) -> None:
    """Whether an error is a client's own, with an envelope that can be read and repeats nothing."""
    assert 400 <= error.status < 500
    envelope = json.loads(error.envelope())["error"]
    assert set(envelope) == {"message", "type", "param", "code"}
    assert len(error.envelope()) < 400


def _refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is no JSON")
