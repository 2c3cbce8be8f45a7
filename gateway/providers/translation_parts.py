"""The parts of a message's content that may be translated: what they hold, never what they point at.

An address would be fetched, by litellm on this machine or by the provider: only `data:` URLs pass.
"""

from __future__ import annotations

import re
from typing import Any

_DATA = re.compile(r"data:([a-z]{1,32}/[A-Za-z0-9.+-]{1,127});base64,")
_AUDIO = re.compile(r"[a-z0-9]{1,16}")


class Unfit(Exception):
    """A request that cannot be translated: the parameter, if it has a name, and a text for the client."""

    def __init__(self, param: str | None, text: str) -> None:
        super().__init__(text)
        self.param = param
        self.text = text


def object_of(value: Any, path: str) -> dict[str, Any]:
    """`value`, which must be an object. Raises Unfit."""
    if type(value) is not dict:
        raise Unfit(path, "This must be an object.")
    return value


def part_of(part: Any, path: str) -> dict[str, Any]:
    """A part of a content, written anew. Raises Unfit."""
    kind = object_of(part, path).get("type")
    reader = _READERS.get(kind) if type(kind) is str else None
    if reader is None:
        known = ", ".join(sorted(_READERS))
        raise Unfit(f"{path}.type", f"This route's upstream takes parts of the types {known}.")
    return reader(part, path)


def _text(part: dict[str, Any], path: str) -> dict[str, Any]:
    text = part.get("text")
    if type(text) is not str:
        raise Unfit(f"{path}.text", "This must be a text.")
    return {"type": "text", "text": text}


def _refusal(part: dict[str, Any], path: str) -> dict[str, Any]:
    return _text({"text": part.get("refusal")}, path)


def _image(part: dict[str, Any], path: str) -> dict[str, Any]:
    given = part.get("image_url")
    image = {"url": given} if type(given) is str else object_of(given, f"{path}.image_url")
    kept = {"url": data_url(image.get("url"), f"{path}.image_url.url", "image/")}
    if image.get("detail") in ("low", "high", "auto"):
        kept["detail"] = image["detail"]
    return {"type": "image_url", "image_url": kept}


def _audio(part: dict[str, Any], path: str) -> dict[str, Any]:
    audio = object_of(part.get("input_audio"), f"{path}.input_audio")
    data, form = audio.get("data"), audio.get("format")
    if type(form) is not str or not _AUDIO.fullmatch(form):
        raise Unfit(f"{path}.input_audio.format", "This must name a format, such as wav.")
    if type(data) is not str or ":" in data:
        raise Unfit(f"{path}.input_audio.data", "This must be base64.")
    return {"type": "input_audio", "input_audio": {"data": data, "format": form}}


def _file(part: dict[str, Any], path: str) -> dict[str, Any]:
    file = object_of(part.get("file"), f"{path}.file")
    if file.get("file_data") is None:
        message = "This route's upstream takes files as 'file_data' only, as a data: URL."
        raise Unfit(f"{path}.file", message)
    return {"type": "file", "file": {"file_data": data_url(file["file_data"], f"{path}.file.file_data", "")}}


def data_url(url: Any, path: str, kind: str) -> str:
    """`url`, which must be a base64 `data:` URL of a media type that begins with `kind`. Raises Unfit."""
    found = _DATA.match(url) if type(url) is str else None
    # No further colon: some readers look for another scheme behind ours.
    if found is None or not found[1].startswith(kind) or ":" in url[found.end() :]:
        message = "This route's upstream takes it as a base64 data: URL only; addresses are not fetched."
        raise Unfit(path, message)
    assert isinstance(url, str)
    return url


_READERS = {"text": _text, "refusal": _refusal, "image_url": _image, "input_audio": _audio, "file": _file}
