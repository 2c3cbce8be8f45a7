"""The document: YAML read into a tree that remembers where every value stands.

A safe subset of YAML 1.2: one document, no tags, anchors or aliases, no repeated keys. Plain scalars are
null, true and false, decimal numbers, or else text: `no`, `off`, `010`, `1:30` and dates are text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Set
from dataclasses import dataclass
from typing import NoReturn

import yaml

from config.problems import ConfigError, KeyPath, Problem, dotted

LARGEST = 1024 * 1024
"""Bytes of a configuration file."""

DEEPEST = 48
"""Levels of nesting."""

_Loader: type = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_NUMBER = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,17})")
_DECIMAL = re.compile(
    r"[-+]?(?:(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{0,18})?|\.[0-9]{1,18})(?:[eE][-+]?[0-9]{1,2})?"
)
_WORDS: dict[str, bool | None] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip

Scalar = str | int | float | bool | None


@dataclass(slots=True, eq=False)
class Node:
    """A value and where it stands: at its key's line, for what a mapping holds.

    `other` is what a scalar with expanded variables turns into when its field refuses `value`: text, or what
    the text stands for.
    """

    path: KeyPath
    line: int | None
    value: Scalar | dict[str, Node] | list[Node]
    other: Scalar = None

    def child(self, part: str | int) -> Node | None:
        """What stands at a key or a position."""
        if isinstance(self.value, dict):
            return self.value.get(part) if isinstance(part, str) else None
        if isinstance(self.value, list) and isinstance(part, int) and 0 <= part < len(self.value):
            return self.value[part]
        return None

    def prune(self, gone: Set[Node]) -> None:
        """Takes nodes out, wherever they stand below; the paths of the others stay."""
        if isinstance(self.value, dict):
            self.value = {key: child for key, child in self.value.items() if child not in gone}
        elif isinstance(self.value, list):
            self.value = [child for child in self.value if child not in gone]
        for child in self.children():
            child.prune(gone)

    def children(self) -> Iterable[Node]:
        """What a mapping or list holds."""
        if isinstance(self.value, dict):
            return self.value.values()
        return self.value if isinstance(self.value, list) else ()

    def descendants(self) -> Iterator[Node]:
        """This node and all below it."""
        yield self
        for child in self.children():
            yield from child.descendants()

    def plain(self) -> object:
        """The bare value: dictionaries, lists and scalars."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value


def resolve(text: str) -> Scalar:
    """What a plain scalar stands for."""
    if text in _WORDS:
        return _WORDS[text]
    if _NUMBER.fullmatch(text):
        return int(text)
    if _DECIMAL.fullmatch(text):
        return float(text)
    return text


Expand = Callable[[str], str]
"""What variables in a scalar's text become. Raises LookupError with a message for people."""


def read(text: str, expand: Expand) -> tuple[Node, dict[KeyPath, Problem]]:
    """The tree of a document, and the problems met, by path, that leave a tree to go on with.

    A scalar whose variables cannot be expanded keeps its text. Raises ConfigError when there is no tree.
    """
    if len(text.encode("utf-8", "surrogatepass")) > LARGEST:
        raise ConfigError([Problem("", None, "the file is larger than 1 MiB")])
    reader = _Reader(yaml.parse(text, Loader=_Loader), expand)
    try:
        return reader.document(), reader.problems
    except yaml.reader.ReaderError:
        raise ConfigError(
            [Problem("", None, "is not text: it holds control or invalid characters")]
        ) from None
    except yaml.MarkedYAMLError as error:
        raise ConfigError([_malformed(text, error)]) from None


def _malformed(text: str, error: yaml.MarkedYAMLError) -> Problem:
    mark = error.problem_mark or error.context_mark
    message = f"is not YAML: {error.problem or error.context}"
    if mark is None:
        return Problem("", None, message)
    line = text.split("\n")[mark.line : mark.line + 1]
    if line and "${" in line[0]:
        message += '; between { } or [ ] a variable needs quotes: "${NAME}"'
    return Problem("", mark.line + 1, message)


def tree(value: object, path: KeyPath = ()) -> Node:
    """The tree of plain data that stands in no file."""
    if isinstance(value, dict):
        return Node(path, None, {key: tree(item, (*path, key)) for key, item in value.items()})
    if isinstance(value, list):
        return Node(path, None, [tree(item, (*path, position)) for position, item in enumerate(value)])
    assert value is None or isinstance(value, str | int | float)
    return Node(path, None, value)


class _Reader:
    """Builds the tree out of the parser's events, refusing what the subset leaves out."""

    def __init__(self, events: Iterator[yaml.Event], expand: Expand) -> None:
        self._events = events
        self._expand = expand
        self.problems: dict[KeyPath, Problem] = {}

    def document(self) -> Node:
        self._next()  # the stream's start
        event = self._next()
        if isinstance(event, yaml.StreamEndEvent):
            self._refuse((), event, "the file is empty")
        node = self._node((), self._next())
        self._next()  # the document's end
        event = self._next()
        if not isinstance(event, yaml.StreamEndEvent):
            self._refuse((), event, "holds a second document; keep one")
        if not isinstance(node.value, dict):
            raise ConfigError([Problem("", node.line, "must be a mapping of keys to values")])
        return node

    def _next(self) -> yaml.Event:
        return next(self._events)

    def _refuse(self, path: KeyPath, event: yaml.Event, message: str) -> NoReturn:
        raise ConfigError([*self.problems.values(), Problem(dotted(path), _line(event), message)])

    def _note(self, path: KeyPath, event: yaml.Event, message: str) -> None:
        self.problems[path] = Problem(dotted(path), _line(event), message)

    def _node(self, path: KeyPath, event: yaml.Event) -> Node:
        self._check(path, event)
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(path, event)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(path, event)
        return self._scalar(path, event)

    def _check(self, path: KeyPath, event: yaml.Event) -> None:
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            self._refuse(path, event, "YAML anchors and aliases are not allowed; write the value out")
        if getattr(event, "tag", None) is not None:
            self._refuse(path, event, "YAML tags are not allowed; write the plain value")
        if len(path) > DEEPEST:
            self._refuse(path[:4], event, f"is nested deeper than {DEEPEST} levels")

    def _mapping(self, path: KeyPath, start: yaml.Event) -> Node:
        children: dict[str, Node] = {}
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            self._check(path, event)
            if not isinstance(event, yaml.ScalarEvent):
                self._refuse(path, event, "a key must be text")
            key = str(event.value)
            child = self._node((*path, key), self._next())
            child.line = _line(event)
            if key in children:
                self._note(child.path, event, f"is given twice; the first is on line {children[key].line}")
            else:
                children[key] = child
        return Node(path, _line(start), children)

    def _sequence(self, path: KeyPath, start: yaml.Event) -> Node:
        items: list[Node] = []
        while not isinstance(event := self._next(), yaml.SequenceEndEvent):
            items.append(self._node((*path, len(items)), event))
        return Node(path, _line(start), items)

    def _scalar(self, path: KeyPath, event: yaml.Event) -> Node:
        assert isinstance(event, yaml.ScalarEvent)
        written = str(event.value)
        try:
            text = self._expand(written) if "$" in written else written
        except LookupError as error:
            self._note(path, event, str(error.args[0]))
            return Node(path, _line(event), written)
        quoted = bool(event.style)  # libyaml says "" of a plain scalar, the Python parser None
        value, other = (text, resolve(text)) if quoted else (resolve(text), text)
        return Node(path, _line(event), value, other if text != written else None)


def _line(event: yaml.Event) -> int:
    assert event.start_mark is not None
    return int(event.start_mark.line) + 1
