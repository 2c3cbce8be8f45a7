"""`one_of`: the answer, or all that a JSONPath selects of it, is among some values.

Texts are compared in Unicode's normal form C: Korean is written with whole syllables by some models and
keyboards and with single letters (form D, as macOS names files) by others, and both look the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from unicodedata import normalize

from jsonpath import JSONPathEnvironment, JSONPathError

from routing.validators.document import NotJson, document_of
from routing.validators.verdict import Failed, Passed, Reason

_RFC_9535 = JSONPathEnvironment(strict=True)


class OneOf:
    """With `path` every selected node must be a text among the values, and one must be selected at least.

    `trim` and `ignore_case` treat the values like what is compared with them.
    """

    def __init__(
        self, values: Iterable[str], path: str | None = None, trim: bool = True, ignore_case: bool = False
    ) -> None:
        self._trim = trim
        self._ignore_case = ignore_case
        self._values = frozenset(map(self._form, values))
        self._path = None if path is None else _RFC_9535.compile(path)

    def check(self, text: str) -> Passed | Failed:
        """Whether `text`, or what is selected of it, is among the values."""
        if self._path is None:
            return self._judge([text])
        try:
            document = document_of(text)
            if isinstance(document, str):  # findall would read it once more, as JSON
                return self._judge([document] if str(self._path) == "$" else [])
            selected = self._path.findall(document)
        except NotJson as error:
            return Failed(error.reason)
        except (JSONPathError, RecursionError):  # `..` and filters give up on what is nested too deeply
            return Failed(Reason.PATH_FAILED)
        return self._judge(selected)

    def _judge(self, selected: list[object]) -> Passed | Failed:
        if not selected:
            return Failed(Reason.NOTHING_SELECTED)
        for node in selected:
            if not isinstance(node, str):
                return Failed(Reason.NOT_A_STRING)
            if self._form(node) not in self._values:
                return Failed(Reason.NOT_IN_VALUES)
        return Passed()

    def _form(self, text: str) -> str:
        if self._trim:
            text = text.strip()
        if self._ignore_case:  # Unicode 3.13, D145: canonical caseless matching
            text = normalize("NFD", text).casefold()
        return normalize("NFC", text)
