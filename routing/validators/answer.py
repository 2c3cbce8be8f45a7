"""The text of a captured answer: what validators judge.

Read from the bytes of a whole response as OpenAI-compatible servers send it, JSON or server-sent events, of
`/v1/chat/completions`, `/v1/completions` or `/v1/responses`. The first choice counts. Its text is the
content; when that is empty and tools are called, the arguments of the first call, which are what a program
goes on with; when there is neither, the empty text. A refusal is no text: it says nothing about the form in
which a model answers.
"""

from __future__ import annotations

from typing import Any

import orjson

from routing.validators.pieces import NoText, Pieces, TooLarge
from routing.validators.verdict import Reason, Skipped

_BOM = b"\xef\xbb\xbf"
_WHOLE = ("response.completed", "response.incomplete")


def answer_text(body: bytes) -> str | Skipped:
    """The text of a response's body, or why there is none; whatever the bytes, it raises nothing."""
    body = body.removeprefix(_BOM)
    read = _read_document if body.lstrip()[:1] == b"{" else _read_stream
    pieces = Pieces()
    try:
        read(body, pieces)
        return pieces.text()
    except NoText:
        return Skipped(Reason.NO_TEXT)
    except TooLarge:
        return Skipped(Reason.TOO_LARGE)


def _read_document(body: bytes, pieces: Pieces) -> None:
    answer = _object(body)
    if "choices" in answer:
        _read_choices(answer, "message", pieces)
    else:
        _read_response(answer, pieces)


def _read_stream(body: bytes, pieces: Pieces) -> None:
    """Events end at empty lines; lines end with LF, CRLF or CR (WHATWG HTML, 9.2.5)."""
    data: list[bytes] = []
    for line in [*body.splitlines(), b""]:  # of bytes: LF, CRLF and CR alone
        if line.startswith(b"data:"):
            data.append(line[5:].removeprefix(b" "))
        elif not line and data:
            _read_event(b"\n".join(data), pieces)
            data.clear()


def _read_event(data: bytes, pieces: Pieces) -> None:
    if data.strip() == b"[DONE]":
        return
    event = _object(data)
    if "error" in event and event["error"] is not None:
        raise NoText
    if "choices" in event:
        _read_choices(event, "delta", pieces)
    elif event.get("type") in _WHOLE:
        _read_response(_dict(event.get("response")), pieces)


def _read_choices(answer: dict[str, Any], message: str, pieces: Pieces) -> None:
    for choice in _dicts(answer["choices"]):
        if not choice.get("index"):  # 0; some servers leave it out or empty
            pieces.seen = True
            pieces.add_content(choice.get("text"))  # of `/v1/completions`
            _read_message(_dict(choice.get(message)), pieces)


def _read_message(message: dict[str, Any], pieces: Pieces) -> None:
    if message.get("refusal"):
        raise NoText
    pieces.add_content(message.get("content"))
    for position, call in enumerate(_dicts(message.get("tool_calls"))):
        if call.get("index", position) == 0 and pieces.is_first_call(call.get("id")):
            pieces.add_arguments(_dict(call.get("function")).get("arguments"))
            pieces.add_arguments(_dict(call.get("custom")).get("input"))


def _read_response(response: dict[str, Any], pieces: Pieces) -> None:
    """A response of `/v1/responses`, which the last event of a stream repeats as a whole."""
    output = response.get("output")
    if type(output) is not list or response.get("status") == "failed":
        raise NoText
    pieces.seen = True
    for item in _dicts(output):
        if item.get("type") == "message":
            pieces.add_content(item.get("content"))
        elif item.get("type") in ("function_call", "custom_tool_call"):
            if pieces.is_first_call(item.get("call_id")):
                pieces.add_arguments(item.get("arguments"))
                pieces.add_arguments(item.get("input"))


def _object(data: bytes) -> dict[str, Any]:
    try:
        parsed = orjson.loads(data)
    except ValueError:
        raise NoText from None
    if type(parsed) is not dict:
        raise NoText
    return parsed


def _dict(value: Any) -> dict[str, Any]:
    return value if type(value) is dict else {}


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if type(item) is dict] if type(value) is list else []
