"""`code_block`: the answer holds exactly one fenced block of a language, and the block is not empty.

Fences are those of CommonMark 0.31, 4.5: at least three backticks or tildes, closed by at least as many; the
language is the first word of what follows the opening ones. They are found inside of lists and quotations.
Blocks of other languages, and those that name none, do not matter.
"""

from __future__ import annotations

from collections.abc import Iterator

from markdown_it import MarkdownIt
from markdown_it.token import Token

from routing.validators.languages import canonical
from routing.validators.verdict import Failed, Passed, Reason

# Without blocks of HTML: the line `<answer>`, which models like to write, would hide a fence right below it.
_MARKDOWN = MarkdownIt("commonmark").disable(["html_block", "inline"])


class CodeBlock:
    """Only closed blocks will do: one that runs to the end of the answer was most likely cut off."""

    def __init__(self, language: str) -> None:
        self._language = canonical(language)

    def check(self, text: str) -> Passed | Failed:
        """Whether `text` holds such a block."""
        blocks = list(self._blocks(text))
        if not blocks:
            return Failed(Reason.NO_BLOCK)
        if len(blocks) > 1:
            return Failed(Reason.SEVERAL_BLOCKS)
        if not _closed(blocks[0]):
            return Failed(Reason.UNCLOSED_BLOCK)
        return Passed() if blocks[0].content.strip() else Failed(Reason.EMPTY_BLOCK)

    def _blocks(self, text: str) -> Iterator[Token]:
        for token in _MARKDOWN.parse(text):
            if token.type == "fence":
                words = token.info.split(maxsplit=1)
                if words and canonical(words[0]) == self._language:
                    yield token


def _closed(block: Token) -> bool:
    """Whether the block's lines are two more than those of its content: both of its fences."""
    assert block.map is not None
    lines = block.content.count("\n") + (block.content != "" and not block.content.endswith("\n"))
    return block.map[1] - block.map[0] == lines + 2
