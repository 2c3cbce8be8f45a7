"""The model file: JSON that people can read, with a hash of its content.

    format, name, target, scale, created, data {rows, hash, sources}, metrics, tokens
    gate   {words: {word: [one weight a task]}, …}           which head judges a text
    heads  {task: {intercept, words, pairs, bounds, shapes, curve, quantiles, …}}, `*` for every other task
    hash   of everything else, so that a torn or damaged file is known as such

Its own text is what travels with a snapshot, compressed; a process parses a model once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import lru_cache
from math import isfinite
from typing import Any
from zlib import compress, decompress

import msgspec

from routing.difficulty.dense import NAMES
from routing.difficulty.gate import FIGURES, TASKS, Gate
from routing.difficulty.head import Head
from routing.difficulty.line import Line

FORMAT = "headgate-difficulty-1"
ANY = "*"
"""The head of every task that has none of its own."""
LARGEST = 16 * 1024 * 1024
"""Bytes of a model file."""
KEPT = 8
"""Models that a process remembers."""


class ModelError(ValueError):
    """A model file that cannot be used; the message says why, in words for the operator."""


class Scale(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a score means. `name` is `codeforces`, `baekjoon`, `label`, `range` or `gain`."""

    name: str
    min: float
    max: float


class HeadFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A head as it is written; a pair's words stand with a space between them, a line as [knots, values]."""

    intercept: float
    words: dict[str, float]
    pairs: dict[str, float] = {}
    bounds: dict[str, float] = {}
    shapes: dict[str, tuple[list[float], list[float]]] = {}
    curve: tuple[list[float], list[float]] = ([0.0, 1.0], [0.0, 1.0])
    heavy: float = 0.0
    isolated: float = 0.0
    named: dict[str, float] = {}
    quantiles: list[float] = []
    """Scores of the texts that it was trained on, from the lowest to the highest in even steps."""


class GateFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A gate as it is written."""

    tasks: list[str]
    intercepts: list[float]
    words: dict[str, list[float]]
    figures: dict[str, list[float]]


class ModelFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A model as it is written. `target` is `rating` or `gain`, `tokens` is `plain` or `crc32`."""

    format: str
    name: str
    target: str
    scale: Scale
    created: str
    data: dict[str, Any]
    metrics: dict[str, Any]
    tokens: str
    heads: dict[str, HeadFile]
    gate: GateFile | None
    hash: str


class Model:
    """A model ready to judge texts. Immutable; equal when its content is."""

    __slots__ = ("_heads", "_packed", "file", "gate", "hash", "scale", "target")

    def __init__(self, file: ModelFile, packed: bytes) -> None:
        self.file = file
        self.hash = file.hash
        self.target = file.target
        self.scale = file.scale
        self.gate = None if file.gate is None else _gate(file.gate)
        self._heads = {task: _head(head) for task, head in file.heads.items()}
        self._packed = packed

    def head(self, task: str) -> Head:
        """The head that judges a task's texts."""
        return self._heads.get(task) or self._heads[ANY]

    def quantiles(self, task: str) -> list[float]:
        """The scores of a task's texts in training, rising."""
        heads = self.file.heads
        return heads[task if task in heads else ANY].quantiles

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Model) and other.hash == self.hash

    def __hash__(self) -> int:
        return hash(self.hash)

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (self._packed,)


def read_model(content: bytes) -> Model:
    """The model in a file's content. Raises ModelError."""
    try:
        file = _decoder.decode(content)
    except msgspec.ValidationError as error:
        raise ModelError(f"is not a difficulty model: {error}") from None
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise ModelError("is not JSON") from None
    _check(file)
    return Model(file, compress(content, 6))


def write_model(fields: Mapping[str, Any]) -> bytes:
    """The content of a model file; `fields` are those of ModelFile but format and hash. Raises ModelError."""
    wanted = msgspec.to_builtins({"format": FORMAT, "hash": "", **fields})
    try:
        content = msgspec.to_builtins(msgspec.convert(wanted, ModelFile))  # as a reader sees it: 1 is 1.0
    except msgspec.ValidationError as error:
        raise ModelError(f"is not a difficulty model: {error}") from None
    content["hash"] = content_hash(content)
    written = msgspec.json.encode(content, order="deterministic")
    read_model(written)
    return msgspec.json.format(written, indent=1)


def content_hash(content: Mapping[str, Any]) -> str:
    """SHA-256 of the content without its hash, as compact JSON with sorted keys."""
    rest = {name: value for name, value in content.items() if name != "hash"}
    return "sha256:" + hashlib.sha256(msgspec.json.encode(rest, order="deterministic")).hexdigest()


_decoder = msgspec.json.Decoder(ModelFile)


@lru_cache(KEPT)
def _restored(packed: bytes) -> Model:
    return Model(_decoder.decode(decompress(packed)), packed)


def _check(file: ModelFile) -> None:
    if file.format != FORMAT:
        raise ModelError(f"has the format {file.format[:40]!r}, not {FORMAT}")
    if content_hash(msgspec.to_builtins(file)) != file.hash:
        raise ModelError("is damaged: its hash is not that of its content")
    if file.target not in ("rating", "gain") or file.tokens not in ("plain", "crc32"):
        raise ModelError("has a target or tokens that are not known")
    if not file.scale.min < file.scale.max:
        raise ModelError("has a scale whose min is not below its max")
    if not file.heads or (file.gate is None and ANY not in file.heads):
        raise ModelError("has no head for every task")
    if file.gate is not None:
        _check_gate(file.gate, file)
    for task, head in file.heads.items():
        _check_head(task, head)


def _check_gate(gate: GateFile, file: ModelFile) -> None:
    if tuple(gate.tasks) != TASKS or gate.figures.keys() != set(FIGURES):
        raise ModelError("has a gate of other tasks or figures")
    columns = [gate.intercepts, *gate.words.values(), *gate.figures.values()]
    if any(len(column) != len(TASKS) for column in columns):
        raise ModelError("has a gate whose columns do not match its tasks")
    if ANY not in file.heads and not file.heads.keys() >= set(TASKS):
        raise ModelError("has no head for every task")


def _check_head(task: str, head: HeadFile) -> None:
    if not head.shapes.keys() <= set(NAMES):
        raise ModelError(f"has shapes of unknown features in the head {task[:40]!r}")
    lines = [*head.shapes.values(), head.curve]
    if not all(_is_line(knots, values) for knots, values in lines):
        raise ModelError(f"has a line in the head {task[:40]!r} whose knots do not rise")
    if any(" " not in pair for pair in (*head.pairs, *head.named)):
        raise ModelError(f"has a pair of one word in the head {task[:40]!r}")
    if head.curve[1] != sorted(head.curve[1]) or head.quantiles != sorted(head.quantiles):
        raise ModelError(f"has a curve or quantiles in the head {task[:40]!r} that do not rise")


def _is_line(knots: list[float], values: list[float]) -> bool:
    rising = all(left < right for left, right in zip(knots, knots[1:], strict=False))
    return len(knots) == len(values) > 1 and rising and all(map(isfinite, (*knots, *values)))


def _gate(file: GateFile) -> Gate:
    words = {word: tuple(column) for word, column in file.words.items()}
    return Gate(tuple(file.intercepts), words, tuple(tuple(file.figures[name]) for name in FIGURES))


def _head(file: HeadFile) -> Head:
    shapes: dict[str, Line] = {
        name: (tuple(knots), tuple(values)) for name, (knots, values) in file.shapes.items()
    }
    return Head(
        intercept=file.intercept,
        words=file.words,
        pairs=_pairs(file.pairs),
        bounds=file.bounds,
        shapes=shapes,
        curve=(tuple(file.curve[0]), tuple(file.curve[1])),
        heavy=file.heavy,
        isolated=file.isolated,
        named=_pairs(file.named),
    )


def _pairs(weights: Mapping[str, float]) -> dict[tuple[str, str], float]:
    found = {}
    for pair, weight in weights.items():
        left, _, right = pair.partition(" ")
        found[left, right] = weight
    return found
