"""The text whose difficulty is estimated: what the user asks now, as far as it needs to be read.

The last user turn; when that is short ("yes", "계속"), the user turns before it too, since it stands for
them. The system prompt stays out: it is the application's, and the same for hard requests and easy ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from unicodedata import is_normalized, normalize

from routing.text import turns

SHORT = 40
"""Characters below which a turn alone says too little."""
HEAD, TAIL = 1_600, 900
"""Characters that are read of a long text, from its beginning and from its end."""
MARGIN = 500
"""Characters more at either end, for what is stripped before the text is cut."""
EXPANDED = 4
"""Times as long as composed (NFC) a text may be when it is decomposed: Hangul by three, the rest less."""


def text_of(body: Mapping[str, Any]) -> str:
    """The text to judge of a request's body, as the client wrote it; empty when there is none."""
    asked = [text for role, text in turns(body) if role == "user"]
    if not asked:
        return ""
    text = asked.pop()
    while asked and len(text) < SHORT * EXPANDED and len(text.strip()) < SHORT:
        text = f"{asked.pop()}\n{text}"
    return text


def is_blank(text: str) -> bool:
    """Whether there is nothing to judge in what is read of a text."""
    return not text or (text[: HEAD + MARGIN].isspace() and text[-TAIL - MARGIN :].isspace())


def composed(text: str) -> tuple[str, str]:
    """The beginning and the end of a text, lower-case and composed (NFC); the end is empty of a short one.

    However long the text is, what is looked at has a bounded length.
    """
    reach = HEAD + TAIL + 2 * MARGIN
    if text.isascii():
        if len(text) <= reach:
            return text.lower(), ""
        return text[: HEAD + MARGIN].lower(), text[-TAIL - MARGIN :].lower()
    if len(text) <= EXPANDED * reach:
        text = _nfc(text)
        if len(text) <= reach:
            return text.lower(), ""
        return text[: HEAD + MARGIN].lower(), text[-TAIL - MARGIN :].lower()
    head = _nfc(text[: EXPANDED * (HEAD + MARGIN)])[: HEAD + MARGIN]
    tail = _nfc(text[-EXPANDED * (TAIL + MARGIN) :])[-TAIL - MARGIN :]
    return head.lower(), tail.lower()


def _nfc(text: str) -> str:
    return text if is_normalized("NFC", text) else normalize("NFC", text)
