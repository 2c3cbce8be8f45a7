"""What of a request's body is text: the turns of a conversation, whichever endpoint it came by.

Chat sends `messages`, responses `instructions` and `input`, completions `prompt`, embeddings `input`. Bodies
are read as they come: whatever has another shape is no text, never an exception.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


def turns(body: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The texts of a body in their order, each with its role; `system` stands for `developer` too."""
    instructions = body.get("instructions")
    if type(instructions) is str:
        yield "system", instructions
    for name in ("messages", "input", "prompt"):
        value = body.get(name)
        if type(value) is str:
            yield "user", value
        elif type(value) is list:
            for item in value:
                yield from _turn(item)


def parts(body: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The parts of which multi-part messages consist: text, images and the like."""
    for name in ("messages", "input"):
        value = body.get(name)
        if type(value) is list:
            for item in value:
                content = item.get("content") if type(item) is dict else None
                if type(content) is list:
                    yield from (part for part in content if type(part) is dict)


def opening(body: Mapping[str, Any]) -> tuple[str, str]:
    """The system prompt and the first user turn; empty what there is not."""
    system = ""
    for role, text in turns(body):
        if role == "user":
            return system, text
        if role == "system":
            system = system or text
    return system, ""


def last_user(body: Mapping[str, Any]) -> str:
    """The last user turn; empty when there is none."""
    last = ""
    for role, text in turns(body):
        if role == "user":
            last = text
    return last


def estimated_tokens(body: Mapping[str, Any]) -> int:
    """The prompt's tokens, roughly: a quarter of the text's UTF-8 bytes, and four for every turn.

    Bytes, because tokenisers spend about a token on four Latin letters and on one or two Asian characters.
    Completions and embeddings may come as tokens already. Images and tools are not counted.
    """
    total = _tokens(body.get("input")) + _tokens(body.get("prompt"))
    for _, text in turns(body):
        size = len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
        total += 4 + (size + 3) // 4
    return total


def _tokens(value: Any) -> int:
    """How many tokens there are in a list of them, or in a list of such lists."""
    if type(value) is not list:
        return 0
    lists = [value, *(item for item in value if type(item) is list)]
    return sum(type(item) is int for tokens in lists for item in tokens)


def _turn(item: Any) -> Iterator[tuple[str, str]]:
    if type(item) is str:
        yield "user", item
    elif type(item) is dict:
        role = item.get("role")
        if type(role) is str:
            yield ("system" if role == "developer" else role), _text(item.get("content"))


def _text(content: Any) -> str:
    if type(content) is str:
        return content
    if type(content) is not list:
        return ""
    texts = [part.get("text") for part in content if type(part) is dict]
    return "\n".join(text for text in texts if type(text) is str)
