"""The simulated model's behaviour as pure functions, and the headers that steer it."""

import json
from pathlib import Path
from random import Random
from statistics import quantiles

import pytest

from gateway.demo.scenario import BOOK
from gateway.providers.simulation import Behaviour, latency, pass_share, tokens
from gateway.providers.simulation_book import load
from gateway.providers.simulation_faults import HEAD, SWITCHES, Usage, parse
from gateway.providers.simulation_script import End, Script, write

CHAT = "/v1/chat/completions"


def chat(text: str, **more: object) -> bytes:
    return json.dumps({"model": "m", "messages": [{"role": "user", "content": text}], **more}).encode()


def play(script: Script) -> bytes:
    return b"".join(chunk.data for chunk in script.chunks)


def ask(
    sent: bytes, behaviour: Behaviour | None = None, *, seed: int = 1, path: str = CHAT, **faults: str
) -> Script:
    headers = [
        (f"x-simulated-{name.replace('_', '-')}".encode(), value.encode()) for name, value in faults.items()
    ]
    return write(path, headers, sent, behaviour or Behaviour(), Random(seed), 1_700_000_000.5)


def said(script: Script) -> str:
    assert script.status == 200
    text: str = json.loads(play(script))["choices"][0]["message"]["content"]
    return text


def test_latency_is_log_normal_with_the_given_median_and_p95() -> None:
    rng = Random(7)
    behaviour = Behaviour(latency_median=0.3, latency_p95=0.9)
    drawn = quantiles((latency(behaviour, rng) for _ in range(20_000)), n=100)
    assert drawn[49] == pytest.approx(0.3, rel=0.03)
    assert drawn[94] == pytest.approx(0.9, rel=0.05)


def test_latency_may_be_constant_or_none() -> None:
    assert latency(Behaviour(latency_median=0.2, latency_p95=0.2), Random()) == 0.2
    assert latency(Behaviour(latency_median=0.2), Random()) == 0.2
    assert latency(Behaviour(), Random()) == 0.0


@pytest.mark.parametrize(
    ("rating", "share"),
    [(None, 1.0), (500, 1.0), (800, 1.0), (1650, 0.75), (2500, 0.5), (3000, 0.25), (3500, 0.0), (9000, 0.0)],
)
def test_the_pass_rate_is_linear_between_its_points(rating: float | None, share: float) -> None:
    points = ((800.0, 1.0), (2500.0, 0.5), (3500.0, 0.0))
    assert pass_share(points, rating) == pytest.approx(share)


@pytest.mark.parametrize("text", ["", " ", "hello world\n", "가나다 라마\n\n  x", "a" * 100])
def test_tokens_lose_nothing(text: str) -> None:
    assert "".join(tokens(text)) == text


def test_the_same_draws_give_the_same_answer() -> None:
    behaviour = Behaviour(latency_median=0.1, latency_p95=0.4, error_rate=0.3)
    for seed in range(20):
        first, second = (ask(chat("hello"), behaviour, seed=seed) for _ in range(2))
        assert (first.status, first.wait, play(first)) == (second.status, second.wait, play(second))
    assert {ask(chat("hello"), behaviour, seed=seed).status for seed in range(50)} == {200, 500}


def test_other_draws_give_other_answers() -> None:
    assert len({play(ask(chat("hello"), seed=seed)) for seed in range(5)}) == 5


def test_a_known_task_is_answered_from_the_book() -> None:
    book = load(BOOK)
    task = book.find("# Lone Bridges\nIslands are joined")
    assert task is not None
    right = said(ask(chat("# Lone Bridges"), Behaviour(book=book, pass_rate=((0.0, 1.0),))))
    wrong = said(ask(chat("# Lone Bridges"), Behaviour(book=book, pass_rate=((0.0, 0.0),))))
    assert task.right.strip() in right and "```python\n" in right
    assert any(program.strip() in wrong for program in task.wrong)


def test_the_pass_rate_follows_the_rating() -> None:
    book = load(BOOK)
    behaviour = Behaviour(book=book, pass_rate=((800.0, 1.0), (2500.0, 0.5), (3500.0, 0.0)))

    def passes(title: str) -> int:
        task = book.find(title)
        assert task is not None
        return sum(task.right.strip() in said(ask(chat(title), behaviour, seed=seed)) for seed in range(400))

    assert passes("Lock Levels") == 400
    assert 160 < passes("Round of Islands") < 240
    assert passes("Numbers Without Squares") == 0


def test_orders_become_json_and_reviews_labels() -> None:
    order = said(ask(chat("아메리카노 두 잔이랑 김밥 3 줄 주세요")))
    assert json.loads(order) == {
        "items": [{"name": "아메리카노", "quantity": 2}, {"name": "김밥", "quantity": 3}]
    }
    with pytest.raises(ValueError):
        json.loads(said(ask(chat("아메리카노 두 잔"), **{"pass": "false"})))
    reviews = "Labels: refund, delivery\n1. It came late\n2. I want my money back"
    assert [item["label"] in ("refund", "delivery") for item in json.loads(said(ask(chat(reviews))))] == [
        True,
        True,
    ]
    failed = json.loads(said(ask(chat(reviews), **{"pass": "false"})))
    assert failed[-1]["label"] not in ("refund", "delivery")


def test_a_token_limit_cuts_the_answer() -> None:
    answer = json.loads(play(ask(chat("hello", max_completion_tokens=3))))
    assert answer["choices"][0]["finish_reason"] == "length"
    assert answer["usage"]["completion_tokens"] == 3


def test_the_pace_counts_for_whole_answers_too() -> None:
    script = ask(chat("hello", max_tokens=10), Behaviour(tokens_per_second=100))
    assert script.wait == pytest.approx(0.1)
    stream = ask(chat("hello", max_tokens=10, stream=True), Behaviour(tokens_per_second=100))
    assert stream.wait == 0.0
    assert sum(chunk.delay for chunk in stream.chunks) == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("path", "body", "complaint"),
    [
        (CHAT, b"{", "not JSON"),
        (CHAT, b"[" * 100_000, "not JSON"),
        (CHAT, b"[]", "must be a JSON object"),
        (CHAT, b'{"model":"m"}', "messages"),
        (CHAT, b'{"model":"m","messages":[3]}', "messages"),
        (CHAT, b'{"messages":[{"role":"user","content":"x"}]}', "model"),
        (CHAT, chat("x", max_tokens=-1), "max_tokens"),
        ("/v1/completions", b'{"model":"m"}', "prompt"),
        ("/v1/embeddings", b'{"model":"m","input":[]}', "input"),
        ("/v1/responses", b'{"model":"m"}', "input"),
        ("/v1beta/models/g:generateContent", b"{}", "contents"),
    ],
)
def test_a_bad_request_is_told_why(path: str, body: bytes, complaint: str) -> None:
    script = ask(body, path=path)
    assert script.status == 400
    assert complaint in json.loads(play(script))["error"]["message"]


def test_an_unknown_path_is_not_found() -> None:
    assert ask(b"{}", path="/v1/nothing").status == 404


def test_faults_are_read_from_headers() -> None:
    faults = parse(
        [
            (b"x-simulated-latency", b"300ms"),
            (b"x-simulated-first-token", b"2s"),
            (b"x-simulated-stall-after", b"head"),
            (b"x-simulated-answer", b"%EC%95%88%EB%85%95%0A"),
            (b"x-simulated-usage", b"input=10,cached=4,output=3,reasoning=1"),
            (b"x-simulated-headers", b'{"x-ratelimit-remaining-requests": "7"}'),
            (b"content-type", b"application/json"),
        ]
    )
    assert (faults.latency, faults.first_token, faults.stall_after) == (pytest.approx(0.3), 2.0, HEAD)
    assert faults.answer == "안녕\n"
    assert faults.usage == Usage(input=10, output=3, cached=4, reasoning=1)
    assert faults.headers == ((b"x-ratelimit-remaining-requests", b"7"),)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("status", "99"), ("status", "no"), ("latency", "-1"), ("latency", "nan"), ("latency", "inf"),
        ("stall-after", "-2"), ("framing", "gzip"), ("done", "no"), ("usage", "input"), ("usage", "x=1"),
        ("headers", "[]"), ("newline", "lfcr"), ("pass", ""),
    ],
)  # fmt: skip
def test_a_header_that_cannot_be_read_is_refused(name: str, value: str) -> None:
    script = write(
        CHAT, [(f"x-simulated-{name}".encode(), value.encode())], chat("x"), Behaviour(), Random(1), 0.0
    )
    assert script.status == 400
    assert f"x-simulated-{name}: must be " in json.loads(play(script))["error"]["message"]


def test_a_misspelt_header_is_refused() -> None:
    assert "x-simulated-stall: no such fault" in play(ask(chat("x"), stall="1")).decode()


def test_faults_may_concern_one_model_only() -> None:
    assert ask(chat("x"), status="503", model="other").status == 200
    assert ask(chat("x"), status="503", model="m").status == 503


def test_every_switch_is_documented() -> None:
    text = (Path(__file__).parents[3] / "docs" / "simulated-upstream.md").read_text()
    missing = [switch.header for switch in SWITCHES if f"`x-simulated-{switch.header}`" not in text]
    assert missing == []


def test_chunk_size_loses_nothing_and_cuts_characters() -> None:
    whole = play(ask(chat("x", stream=True), answer="%EC%95%88%EB%85%95"))
    script = ask(chat("x", stream=True), answer="%EC%95%88%EB%85%95", chunk_size="1", newline="lf")
    pieces = [chunk.data for chunk in script.chunks]
    assert b"".join(pieces) == whole and max(map(len, pieces)) == 1


@pytest.mark.parametrize("name", ["stall", "reset", "end"])
def test_a_break_comes_after_so_many_events(name: str) -> None:
    script = ask(chat("x", stream=True), **{f"{name}_after": "2"})
    assert script.end is {"stall": End.STALL, "reset": End.RESET, "end": End.EOF}[name]
    assert len(list(script.chunks)) == 2


def test_a_short_body_still_promises_its_whole_length() -> None:
    script = ask(chat("x"), end_after="1")
    assert script.framing == "length" and len(play(script)) == 64 < script.length


def test_streams_can_be_odd() -> None:
    text = play(
        ask(chat("x", stream=True), done="false", comments="2", role="merged", newline="crlf")
    ).decode()
    assert text.startswith(": simulated\r\n\r\n: simulated\r\n\r\ndata: ")
    assert "[DONE]" not in text
    first = json.loads(text.split("data: ")[1])
    assert (
        first["choices"][0]["delta"].keys() == {"role", "content"} and first["choices"][0]["delta"]["content"]
    )


def test_an_error_event_ends_a_stream() -> None:
    for after in (0, 2):
        events = play(ask(chat("x", stream=True), error_after=str(after))).decode().split("\n\n")
        assert "error" in json.loads(events[after].removeprefix("data: "))
        assert events[after + 1] == ""


def test_a_huge_line_is_made_piece_by_piece() -> None:
    script = ask(chat("x", stream=True), huge_line="300000")
    pieces = [len(chunk.data) for chunk in script.chunks]
    assert sum(pieces) > 300_000 and max(pieces) <= 65_536


def test_malformed_json() -> None:
    with pytest.raises(ValueError):
        json.loads(play(ask(chat("x"), malformed="true")))
    assert play(ask(chat("x"), body="nonsense")) == b"nonsense"
    assert play(ask(chat("x"), body="")) == b""
