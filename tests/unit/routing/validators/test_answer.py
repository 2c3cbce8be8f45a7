from __future__ import annotations

import json

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.validators.answer import answer_text
from routing.validators.pieces import LARGEST
from routing.validators.verdict import Reason, Skipped

NO_TEXT = Skipped(Reason.NO_TEXT)
TOO_LARGE = Skipped(Reason.TOO_LARGE)
CALL = {"id": "call_1", "type": "function", "function": {"name": "order", "arguments": '{"a": 1}'}}
OTHER_CALL = {"id": "call_2", "type": "function", "function": {"name": "order", "arguments": '{"b": 2}'}}


def chat(message: object, **more: object) -> dict[str, object]:
    return {"object": "chat.completion", "choices": [{"index": 0, "message": message, **more}]}


def sse(*events: object, end: str = "\n\n", done: bool = True) -> bytes:
    texts = [f"data: {json.dumps(event)}{end}" for event in events] + ([f"data: [DONE]{end}"] if done else [])
    return "".join(texts).encode()


def delta(_content: object = None, **more: object) -> dict[str, object]:
    return {"choices": [{"index": 0, "delta": {"content": _content, **more}, "finish_reason": None}]}


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (chat({"role": "assistant", "content": "냉면"}), "냉면"),
        (chat({"content": ""}), ""),
        (chat({"content": None}), ""),
        (chat({"content": "cut"}, finish_reason="length"), "cut"),
        (chat({"content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}, 7]}), "ab"),
        (chat({"content": "said", "tool_calls": [CALL]}), "said"),
        (chat({"content": None, "tool_calls": [CALL, OTHER_CALL]}), '{"a": 1}'),
        (chat({"content": None, "tool_calls": [CALL | {"id": None}, OTHER_CALL | {"id": None}]}), '{"a": 1}'),
        (chat({"content": "", "tool_calls": [{"type": "custom", "custom": {"input": "x"}}]}), "x"),
        (chat({"content": "a", "refusal": None, "reasoning_content": "hm"}), "a"),
        ({"choices": [{"message": {"content": "a"}}]}, "a"),
        ({"choices": [{"index": 1, "message": {"content": "b"}}, *chat({"content": "a"})["choices"]]}, "a"),  # type: ignore[misc]
        ({"object": "text_completion", "choices": [{"index": 0, "text": "a"}]}, "a"),
        (chat({"content": None, "refusal": "No."}), NO_TEXT),
        (chat({"content": [{"type": "refusal", "refusal": "No."}]}), NO_TEXT),
        ({"choices": []}, NO_TEXT),
        ({"choices": None}, NO_TEXT),
        ({"choices": ["a"]}, NO_TEXT),
        ({"error": {"message": "no"}}, NO_TEXT),
        ({}, NO_TEXT),
        ({"data": [{"embedding": [0.1]}]}, NO_TEXT),
    ],
)  # fmt: skip
def test_the_text_of_a_json_answer(answer: object, text: object) -> None:
    assert answer_text(json.dumps(answer).encode()) == text
    assert answer_text(b"\xef\xbb\xbf \n" + json.dumps(answer, ensure_ascii=False).encode()) == text


def response(*output: object, **more: object) -> dict[str, object]:
    return {"object": "response", "status": "completed", "output": list(output), **more}


SAID = {"type": "message", "content": [{"type": "output_text", "text": "냉면"}]}


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (response({"type": "reasoning", "summary": []}, SAID), "냉면"),
        (response(), ""),
        (response({"type": "function_call", "call_id": "c", "arguments": "{}"}), "{}"),
        (
            response(
                {"type": "custom_tool_call", "call_id": "c", "input": "x"},
                {"type": "function_call", "call_id": "d", "arguments": "{}"},
            ),
            "x",
        ),
        (response({"type": "message", "content": [{"type": "refusal", "refusal": "No."}]}), NO_TEXT),
        (response(SAID, status="failed"), NO_TEXT),
        ({"object": "response"}, NO_TEXT),
    ],
)
def test_the_text_of_a_response(answer: dict[str, object], text: object) -> None:
    assert answer_text(json.dumps(answer).encode()) == text
    started = {"type": "response.created", "response": response()}
    piece = {"type": "response.output_text.delta", "delta": "냉"}
    done = {"type": "response.completed", "response": answer}
    assert answer_text(sse(started, piece, done, done=False)) == text
    assert answer_text(sse(started, piece, done | {"type": "response.failed"}, done=False)) == NO_TEXT


@pytest.mark.parametrize("end", ["\n\n", "\r\n\r\n", "\r\r"])
def test_the_text_of_a_stream(end: str) -> None:
    usage: dict[str, object] = {"choices": [], "usage": {"total_tokens": 3}}
    second = {"choices": [{"index": 1, "delta": {"content": "other"}}]}
    events = [delta("", role="assistant"), delta("냉\u2028"), second, delta("면"), delta(), usage]
    assert answer_text(sse(*events, end=end)) == "냉\u2028면"
    assert answer_text(b": hello\nevent: x\n" + sse(*events, end=end, done=False)) == "냉\u2028면"


def test_an_event_may_have_several_lines_and_needs_no_empty_line_at_the_end() -> None:
    assert answer_text(b'data: {"choices":\ndata:[{"delta": {"content": "a"}}]}') == "a"


def test_the_first_tool_call_of_a_stream() -> None:
    def call(index: int | None, arguments: str, **more: object) -> dict[str, object]:
        place = {} if index is None else {"index": index}
        return delta(tool_calls=[{**place, "function": {"arguments": arguments}, **more}])

    pieces = [call(0, "", id="a"), call(0, '{"x"'), call(1, "{}", id="b"), call(0, ": 1}")]
    assert answer_text(sse(*pieces)) == '{"x": 1}'
    whole = [call(None, "{}", id="a"), call(None, '{"y": 1}', id="b")]
    assert answer_text(sse(*whole)) == "{}"


@pytest.mark.parametrize(
    "body",
    [
        b"", b" ", b"data: [DONE]\n\n", b"data: {\n\n", b"data: 7\n\n", b"{", b"[]", b"\xff\xfe", b"\0" * 100,
        b"<html>", sse(delta("a"), delta(refusal="No.")), sse(delta("a"), {"error": {"message": "x"}}),
        sse(delta("a")) + b'data: {"choices": [{"delta": {"con', sse({"choices": []}), sse({"type": "ping"}),
        b'{"choices": [{"message": {"content": "\\ud800"}}]}', b'{"a":' * 100_000,
    ],
)  # fmt: skip
def test_what_is_no_answer_has_no_text(body: bytes) -> None:
    assert answer_text(body) == NO_TEXT


def test_an_error_that_is_null_is_none() -> None:
    assert answer_text(sse(delta("a") | {"error": None})) == "a"


@pytest.mark.parametrize("character", ["a", "냉"])
def test_no_text_is_larger_than_the_bound(character: str) -> None:
    def streamed(text: str) -> bytes:
        return sse(*(delta(text[start : start + 1000]) for start in range(0, len(text), 1000)))

    most = LARGEST // len(character.encode())
    for made in (lambda text: json.dumps(chat({"content": text})).encode(), streamed):
        assert answer_text(made(character * most)) == character * most
        assert answer_text(made(character * (most + 1))) == TOO_LARGE


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                "choices index message delta content refusal text tool_calls id function arguments custom "
                "input error type response output status".split()
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(
    st.binary() | JSON.map(lambda value: json.dumps(value).encode()) | st.lists(JSON).map(lambda it: sse(*it))
)
def test_whatever_the_bytes_nothing_is_raised(body: bytes) -> None:
    assert isinstance(answer_text(body), str | Skipped)


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1))
def test_a_stream_and_its_whole_have_the_same_text(pieces: list[str]) -> None:
    whole = orjson.dumps(chat({"content": "".join(pieces)}))
    assert answer_text(sse(*map(delta, pieces))) == answer_text(whole) == "".join(pieces)
