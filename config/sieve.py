"""The sieve: every mistake at once.

Mistakes of single fields must not hide those that concern several. So a value at fault is noted and taken
out of the tree, what is left is validated again until it holds, and then the rules are asked of it;
whatever merely follows from a value that was taken out is not reported.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pydantic import ValidationError

from config.document import Node
from config.files import Reading
from config.mistakes import Mistake, understand, walk
from config.problems import Finding, KeyPath, Problem, dotted
from config.schema import Config


class Sieve:
    """One validation of one tree, which it changes; `problems` is what it found."""

    def __init__(self, root: Node, known: Mapping[KeyPath, Problem]) -> None:
        self._root = root
        self._written = {node.path: node.line for node in root.descendants()}
        self._faulty = set(known)
        self.problems = list(known.values())

    def sift(self, reading: Reading) -> Config:
        """The configuration that is left without what is at fault."""
        while True:
            try:
                return Config.model_validate(self._root.plain(), context=reading)
            except ValidationError as error:
                details = error.errors(include_url=False, include_input=False)
                mistakes = [it for it in (understand(detail, self._root) for detail in details) if it]
            assert mistakes, "what is not taken out would be found again for ever"
            self._take_out(mistakes)

    def judge(self, findings: Iterable[Finding]) -> None:
        """Adds what the rules found, but for what follows from a value that was taken out."""
        for finding in findings:
            if not self._follows(self._path(finding)) and finding.needs not in self._written:
                self.problems.append(self.locate(finding))

    def locate(self, finding: Finding) -> Problem:
        """The finding with its line."""
        return Problem(dotted(self._path(finding)), self._node(finding).line, finding.message)

    def _node(self, finding: Finding) -> Node:
        """The deepest node on the finding's path that is written."""
        return walk(self._root, finding.path)[-1]

    def _path(self, finding: Finding) -> KeyPath:
        """The finding's path as the file was written, before anything was taken out."""
        node = self._node(finding)
        return (*node.path, *finding.path[len(node.path) :])

    def _take_out(self, mistakes: list[Mistake]) -> None:
        """Notes the mistakes and takes their nodes out."""
        paths: set[KeyPath] = set()
        nodes: set[Node] = set()
        retyped: set[Node] = set()
        for mistake in mistakes:
            node = mistake.node
            if node.other is not None:
                node.value, node.other = node.other, None
                retyped.add(node)
            if node in retyped or mistake.path in paths:
                continue
            if not self._follows(mistake.path):
                line = self._written.get(mistake.path, node.line)
                self.problems.append(Problem(dotted(mistake.path), line, mistake.message))
            paths.add(mistake.path)
            nodes.add(node)
        self._faulty |= paths | {node.path for node in nodes}
        self._root.prune(nodes)

    def _follows(self, path: KeyPath) -> bool:
        """Whether something at or below `path` was at fault."""
        return any(faulty[: len(path)] == path for faulty in self._faulty)
