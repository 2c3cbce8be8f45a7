"""How a simulated model behaves: latency, speed, errors and answers, as pure functions of their draws.

Time to the first token is log-normal, given by its median and 95th percentile; tokens then follow at a
steady pace. Whether an answer is right depends on the task's rating.
"""

from __future__ import annotations

import base64
import json
import math
import re
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from gateway.providers.simulation_book import Book, load
from gateway.providers.simulation_calls import Call, Tool, instance
from gateway.providers.simulation_faults import Faults, Usage
from gateway.providers.simulation_text import answer

_Z95 = 1.6448536269514722
"""The standard normal distribution's 95th percentile."""

SIGNED = b"simulated thought "
THOUGHTS = "Somebody asks something. An answer would be right."

_TOKENS = re.compile(r"\s*\S{1,6}|\s+")


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How a simulated model behaves.

    Latencies are seconds to the first token; `tokens_per_second` 0 is instant; `error_rate` is the share of
    requests answered with 500; `pass_rate` holds points (rating, share of right answers) by rising rating.
    With a `seed` the same sequence of requests gets the same answers.
    """

    latency_median: float = 0.0
    latency_p95: float = 0.0
    tokens_per_second: float = 0.0
    error_rate: float = 0.0
    pass_rate: tuple[tuple[float, float], ...] = ((0.0, 1.0),)
    book: Book = Book()
    seed: int | None = None

    @classmethod
    def of_options(cls, options: Mapping[str, Any]) -> Behaviour:
        """From an upstream's options, in which `book` is a path or empty. Raises BookError."""
        book = options.get("book")
        return cls(**{**options, "book": load(Path(book)) if book else Book()})


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a request asks, whatever its wire format.

    `text` is the last user message, `context` every message; `limit` the most tokens wanted; `inputs` are
    the texts of an embeddings request, or the prompts of a completion; `dimensions` and `base64` are the
    vectors' form. `body` is the request itself, where its answer repeats some of it. `tools` are the
    functions that may be called now, `schema` what the answer has to fit, `thinks` whether thoughts are
    wanted.
    """

    model: str
    text: str
    context: str
    stream: bool = False
    usage: bool = False
    limit: int | None = None
    inputs: tuple[str, ...] = ()
    dimensions: int = 8
    base64: bool = False
    body: Mapping[str, Any] = field(default_factory=dict, repr=False)
    tools: tuple[Tool, ...] = ()
    schema: Mapping[str, Any] | None = None
    thinks: bool = False


@dataclass(frozen=True, slots=True)
class Reply:
    """What a simulated model answers, whatever the wire format; `tokens` joined are the text.

    `calls` are functions that it wants called, `signature` what a model that thinks wants back with the next
    turn; `blocked` is why the prompt never reached the model, empty when it did.
    """

    id: str
    created: int
    model: str
    tokens: tuple[str, ...] = field(repr=False)
    finish: str
    usage: Usage
    calls: tuple[Call, ...] = ()
    thoughts: str = ""
    signature: str = ""
    blocked: str = ""

    @property
    def text(self) -> str:
        """The whole answer."""
        return "".join(self.tokens)


def latency(behaviour: Behaviour, rng: Random) -> float:
    """Seconds to the first token, drawn from the log-normal distribution of the median and p95."""
    median = behaviour.latency_median
    if median <= 0:
        return 0.0
    sigma = math.log(max(behaviour.latency_p95, median) / median) / _Z95
    return median * math.exp(sigma * rng.gauss(0.0, 1.0))


def pass_share(points: tuple[tuple[float, float], ...], rating: float | None) -> float:
    """The share of right answers at `rating`: linear between points, flat outside; unrated as the easiest."""
    if rating is None or rating <= points[0][0]:
        return points[0][1]
    if rating >= points[-1][0]:
        return points[-1][1]
    after = bisect_left(points, rating, key=lambda point: point[0])
    (left, low), (right, high) = points[after - 1], points[after]
    return low + (high - low) * (rating - left) / (right - left)


def tokens(text: str) -> tuple[str, ...]:
    """`text` in pieces of roughly a token each."""
    return tuple(_TOKENS.findall(text))


def compose(prompt: Prompt, behaviour: Behaviour, faults: Faults, rng: Random, now: float) -> Reply:
    """The answer to `prompt`; `now` is the Unix time in seconds."""
    calls = _call(prompt, faults, rng)
    silent = faults.empty or faults.block or calls
    pieces = () if silent else tokens(_say(prompt, behaviour, faults, rng))
    finish = "tool_calls" if calls else "stop"
    if prompt.limit is not None and len(pieces) > prompt.limit:
        pieces, finish = pieces[: prompt.limit], "length"
    thoughts = THOUGHTS if prompt.thinks and not silent else ""
    usage = faults.usage or Usage(
        input=len(prompt.context) // 4 + 1,
        output=len(pieces) + len(tokens(thoughts)) + sum(len(tokens(call.text)) for call in calls),
        reasoning=len(tokens(thoughts)),
    )
    return Reply(
        id=f"{rng.getrandbits(96):024x}",
        created=int(now),
        model=prompt.model,
        tokens=pieces,
        finish=faults.finish or finish,
        usage=usage,
        calls=calls,
        thoughts=thoughts,
        signature=sign(rng),
        blocked=faults.block or "",
    )


def sign(rng: Random) -> str:
    """A thought signature: opaque to everybody but its maker."""
    return base64.b64encode(SIGNED + rng.randbytes(18)).decode()


def is_signature(text: Any) -> bool:
    """Whether a thought signature is one of ours, as it was."""
    try:
        return isinstance(text, str) and base64.b64decode(text, validate=True).startswith(SIGNED)
    except ValueError:
        return False


def _call(prompt: Prompt, faults: Faults, rng: Random) -> tuple[Call, ...]:
    """The functions that it wants called: the first that may be, unless another number is asked for."""
    if not prompt.tools or faults.answer is not None or faults.empty or faults.block:
        return ()
    wanted = 1 if faults.tool_calls is None else faults.tool_calls
    chosen = [prompt.tools[at % len(prompt.tools)] for at in range(wanted)]
    return tuple(
        Call(f"call_{rng.getrandbits(96):024x}", tool.name, instance(tool.schema)) for tool in chosen
    )


def _say(prompt: Prompt, behaviour: Behaviour, faults: Faults, rng: Random) -> str:
    if faults.answer is not None:
        return faults.answer
    if prompt.schema is not None:
        text = json.dumps(instance(prompt.schema), ensure_ascii=False)
        return text[:-1] if faults.passes is False else text
    task = behaviour.book.find(prompt.text)
    passes = faults.passes
    if passes is None:
        passes = rng.random() < pass_share(behaviour.pass_rate, task.rating if task else None)
    if task is None:
        return answer(prompt.text, prompt.context, passes, rng)
    program = task.right if passes or not task.wrong else rng.choice(task.wrong)
    return f"Read the input, compute, print.\n\n```python\n{program.rstrip()}\n```\n"
