"""Wrapping: what stands around a task and says nothing of how hard it is.

Instructions to the model before and behind the task ("Solve the following problem", "Think step by step"),
labels, tags and fences, and blocks of code beside a question.
"""

from __future__ import annotations

import re

from routing.difficulty.text import HEAD, TAIL

OPENINGS = 5
"""Sentences at either end that may be instructions."""
SENTENCE = 300
"""Characters beyond which a sentence is content, whatever it says."""

CODE = frozenset(
    """
    bash c c# c++ cpp cs csharp css dart diff go golang haskell html java javascript js json jsx julia kotlin
    lua matlab perl php powershell py python py3 python3 r rb rs ruby rust scala sh shell sql swift toml ts
    tsx typescript xml yaml yml zsh""".split()
)
"""Info strings of fences whose content is code."""
FENCE = "```"
LEAST_TEXT = 12
"""Characters beside a block of code that make the block an attachment of a question."""

_word = r"[a-z0-9가-힣'’+#.-]+"
_task = r"(?:problem|question|task|exercise|challenge|puzzle|request|statement|review|text|order|message)s?"
_please = r"(?:please|kindly|now|and|then|first|also|just|so|ok(?:ay)?|(?:can|could|would)\ you)[, ]*"
_verbs = (
    r"(?:solve|answer|read|consider|look\ at|work\ on|work\ out|help|complete|respond|write|implement|create|"
    r"provide|give|find|explain|classify|analy[sz]e|summari[sz]e|translate|return|output|print|produce|generate|"
    r"show|think|use|make|put|reply|submit|note|do\ not|don't|be\ sure|ensure|include|format|wrap|reason|"
    r"begin|start)"
)
_role = (
    r"(?:assistant|expert|programmer|engineer|coder|solver|tutor|teacher|ai|bot|agent|model|mathematician|"
    r"classifier|professional|grandmaster|developer|analyst|helper)"
)
_label = (
    rf"(?:{_task}|q|human|user|instructions?|prompt|input\ text|context|problem\ (?:statement|description)|"
    r"description|문제|질문|리뷰|본문|요청|설명)"
)
_asked = r"(?:풀어|답해|분류|해결|작성|읽고|보고|요약|번역|구현|알려|도와)"
_opening = re.compile(
    rf"""\s*(?:
    (?:\W{{0,4}}(?:{_please})*
        (?:{_verbs}|here(?:\ is|'s|\ are)|below\ is|i\ (?:have|need|want)|help\ me|the)\b
        (?=[^\n]*\b(?:following|below|this\ (?:{_word}\ ){{0,3}}{_task}|the\ (?:{_word}\ ){{0,2}}{_task})\b)
        [^\n]*?(?:[:.!?]|$))
    | you(?:\ are|'re)\ (?:now\ )?(?:an?|the|my)\ [^\n]{{0,60}}?\b{_role}\b[^\n]*?(?:[.:!]|$)
    | you\ (?:will|are\ going\ to)\ (?:be\ given|receive|get|see)\ [^\n]{{0,20}}
        (?:question|problem|task|review|text)\b[^\n]*?(?:[.:!]|$)
    | \W{{0,4}}(?:hi|hello|hey|dear|thanks|thank\ you|good\ (?:morning|evening|afternoon)|안녕하세요|안녕)
        \b(?:\ (?:there|all|everyone|assistant|chatgpt|team|so\ much))?\s*[.,!~]*
    | \W{{0,4}}(?:could|can|would)\ you\ (?:please\ )?help[^\n]*?[.?!] | i\ need\ help[^\n]*?[.!]
    | [#*\->\s]{{0,8}}{_label}\s*\d{{0,3}}\s*[:：]+\**
    | [#*]{{1,8}}\s*(?:{_task}|instructions?|problem\ statement|문제|질문|리뷰)\s*\**(?=\n|$)
    | (?:당신은|너는)\ [^\n]*?(?:[.!]|$)
    | (?:다음|아래|이)(?:은|는|의|에)?\ [^\n]{{0,40}}?{_asked}[^\n]{{0,20}}?(?:[.:!]|$)
    | (?:다음|아래)(?:은|는|의)?\ (?:문제|질문|리뷰|글|내용|주문)[^\n]{{0,12}}?(?:[.:]|$)
    )\s*""",
    re.VERBOSE,
)
_closing = re.compile(
    rf"""\W{{0,4}}(?:
    (?:{_please})*(?:let's\ |let\ us\ )?(?:think|reason)\b[^\n]{{0,60}}(?:step|careful)[^\n]{{0,40}}
    | (?:{_please})*(?:output|return|respond|reply|answer|print)\b[^\n]{{0,10}}\b(?:only|just|with|in)\b
        [^\n]{{0,120}}
    | (?:{_please})+{_verbs}\b[^\n]{{0,200}}
    | (?:{_verbs})\b[^\n]{{0,80}}
        \b(?:code|solution|program|python|java|c\+\+\d*|cpp|explanation|final\ answer|boxed)\b[^\n]{{0,80}}
    | put\ your\ [^\n]{{0,100}} | your\ (?:answer|code|solution|response)[^\n]{{0,60}}
    | (?:a|answer|assistant|response|solution|output\ code|답|답변|정답|풀이)\s*[:：]*
    | (?:thanks|thank\ you|thx|cheers|good\ luck|감사합니다|고맙습니다|부탁드립니다|부탁해요)[^\n]{{0,30}}
    | (?:단계별로|차근차근|천천히)[^\n]{{0,40}} | (?:코드만|답만|정답만|결과만)[^\n]{{0,30}}
    | (?:python|java|c\+\+|파이썬|자바)[^\n]{{0,20}}(?:작성|구현|풀어)[^\n]{{0,20}}
    )\W*""",
    re.VERBOSE,
)
_tag = re.compile(r"</?[a-z][a-z_-]{0,24}>|\[/?inst\]|<\|[a-z_]{1,24}\|>")
_codelike = re.compile(
    r"[;{}]\s*$|^\s*(?:def|class|import|from|return|for|if|while|#include|int|let|const|var)\b", re.M
)


def unwrapped(head: str, tail: str) -> str:
    """The text between what wraps it, at most HEAD + TAIL characters; both are lower-case."""
    if "`" in head or "`" in tail:
        head, tail = _unfenced(head, tail)
    if "<" in head or "[" in head:
        head = _tag.sub("\n", head)
    if "<" in tail or "[" in tail:
        tail = _tag.sub("\n", tail)
    opened = _opened(head.strip())
    if not tail:
        text = _closed(opened) or opened or head.strip()
        return text if len(text) <= HEAD + TAIL else f"{text[:HEAD]}\n{text[-TAIL:]}"
    return f"{opened[:HEAD]}\n{_closed(tail.strip())[-TAIL:]}"


def _opened(text: str) -> str:
    """The text behind the instructions with which it begins; the text itself if it is nothing else."""
    at = 0
    for _ in range(OPENINGS):
        match = _opening.match(text, at, at + SENTENCE + 1)
        if match is None or match.end() - at > SENTENCE or match.end() == at:
            break
        at = match.end()
    return text[at:] if len(text) - at >= LEAST_TEXT else text


def _closed(text: str) -> str:
    """The text before the instructions with which it ends; the text itself if it is nothing else."""
    end = len(text)
    for _ in range(OPENINGS):
        start = _last_sentence(text, end)
        if start <= 0 or end - start > SENTENCE or _closing.fullmatch(text, start, end) is None:
            break
        end = start
        while end and text[end - 1].isspace():
            end -= 1
    return text[:end] if end >= LEAST_TEXT else text


def _last_sentence(text: str, end: int) -> int:
    """Where the last sentence before `end` begins."""
    line = text.rfind("\n", 0, end) + 1
    stop = max(text.rfind(mark, line, end - 2) for mark in (". ", "? ", "! "))
    return line if stop < 0 else stop + 2


def _unfenced(head: str, tail: str) -> tuple[str, str]:
    """Both without the marks of fences, and without blocks of code that stand beside a question."""
    head_prose, head_code = _parted(head, inside=False)
    inside = bool(tail) and head.count(FENCE) % 2 == 1 and tail.count(FENCE) % 2 == 1
    tail_prose, tail_code = _parted(tail, inside)
    if len(head_prose.strip()) + len(tail_prose.strip()) >= LEAST_TEXT:
        return head_prose, tail_prose
    return f"{head_prose}\n{head_code}", f"{tail_code}\n{tail_prose}" if tail else ""


def _parted(text: str, inside: bool) -> tuple[str, str]:
    """The prose of a text and its blocks of code; `inside`: it begins within such a block."""
    prose, code = [], []
    for part in text.split(FENCE):
        content = _content(part) if inside else part
        if content is None:
            code.append(part)
        else:
            prose.append(content)
        inside = not inside
    return "\n".join(prose), "\n".join(code)


def _content(block: str) -> str | None:
    """A block's content without its info string; None if it is code."""
    info, _, content = block.partition("\n")
    language = info.strip()
    if language in CODE or _is_code(content):
        return None
    return content if len(language) < LEAST_TEXT else block


def _is_code(text: str) -> bool:
    lines = len([line for line in text.split("\n") if line.strip()])
    return lines > 2 and len(_codelike.findall(text)) > 0.3 * lines
