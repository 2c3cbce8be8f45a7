"""The gateway's own validators: answers are judged after they were sent, and the verdict is an outcome."""

from __future__ import annotations

import pytest

from tests.integration.conftest import KEYS
from tests.support import scripted
from tests.support.gateway import hash_of, running_gateway

CONFIG = """
server:
  keys:
    - {{name: app, application: tests, hash: "{app}"}}
    - {{name: admin, application: operators, hash: "{admin}", scopes: [admin]}}
  lame_duck: 0s
upstreams:
  main: {{provider: openai, base_url: "{url}"}}
routes:
  judged:
    variants: {{tuned: {{upstream: main, model: t}}, base: {{upstream: main, model: b}}}}
    rollout: {{baseline: base, candidate: tuned, stages: [50, 100]}}
    validators: [{{type: code_block, language: cpp}}]
  reported:
    variants: {{only: {{upstream: main, model: m}}}}
    variant: only
    validators: [{{type: json}}]
    validation: application
"""
GOOD = "Here:\n```cpp\nint main() {}\n```\n"
MESSAGES = [{"role": "user", "content": "hi"}]
PASSED = {"metric": "validation_passed"}


@pytest.fixture(scope="module")
def judging(shared_upstream, tmp_path_factory):
    path = tmp_path_factory.mktemp("judging") / "headgate.yaml"
    hashes = {name: hash_of(KEYS[name]) for name in ("app", "admin")}
    path.write_text(CONFIG.format(url=shared_upstream.url, **hashes))
    with running_gateway(path, keys=KEYS) as gateway:
        yield gateway


def ask(gateway, upstream, text, *, route="judged", stream=False):
    """The id of a request that was answered with `text`."""
    if stream:
        parts = [scripted.event(text[at : at + 5]) for at in range(0, len(text), 5)]
        upstream.script = lambda received: scripted.stream(*parts)
    else:
        upstream.script = lambda received: scripted.answer(text)
    answer = gateway.post("/v1/chat/completions", {"model": route, "messages": MESSAGES, "stream": stream})
    assert answer.status == 200
    return answer.headers["x-request-id"]


def outcomes(gateway, request_id):
    known = gateway.admin("GET", f"/admin/v1/requests/{request_id}").json["outcomes"]
    return [(one["field"], one["value"], one["source"]) for one in known]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("text", "passed"), [(GOOD, True), ("no program", False)])
def test_an_answer_is_judged(judging, upstream, text, passed, stream):
    result = "passed" if passed else "failed"
    before = judging.metric("headgate_validations_total", route="judged", result=result)
    counted = judging.metric("headgate_outcomes_total", route="judged", **PASSED)
    request_id = ask(judging, upstream, text, stream=stream)
    judging.wait_for_metric(before + 1, "headgate_validations_total", route="judged", result=result)
    judging.wait_for_metric(counted + 1, "headgate_outcomes_total", route="judged", **PASSED)
    assert outcomes(judging, request_id) == [("validation_passed", passed, "gateway")]


def test_what_the_application_says_of_it_is_kept_and_does_not_count(judging, upstream):
    counted = judging.metric("headgate_outcomes_total", route="judged", **PASSED)
    request_id = ask(judging, upstream, GOOD)
    judging.wait_for_metric(counted + 1, "headgate_outcomes_total", route="judged", **PASSED)
    report = {"request_id": request_id, "validation_passed": False, "needs_review": True}
    assert judging.insist(lambda: judging.post("/v1/outcomes", report)).status == 200
    assert judging.metric("headgate_outcomes_total", route="judged", **PASSED) == counted + 1
    assert sorted(outcomes(judging, request_id)) == [
        ("needs_review", True, "application"),
        ("validation_passed", False, "application"),
        ("validation_passed", True, "gateway"),
    ]


def test_where_the_application_judges_its_word_counts(judging, upstream):
    before = judging.metric("headgate_validations_total", route="reported", result="failed")
    request_id = ask(judging, upstream, "no JSON", route="reported")
    judging.wait_for_metric(before + 1, "headgate_validations_total", route="reported", result="failed")
    assert outcomes(judging, request_id) == []
    report = {"request_id": request_id, "validation_passed": True}
    assert judging.insist(lambda: judging.post("/v1/outcomes", report)).status == 200
    judging.wait_until(lambda: judging.metric("headgate_outcomes_total", route="reported", **PASSED) == 1)


def test_an_answer_too_large_to_judge_is_skipped(judging, upstream):
    before = judging.metric("headgate_validations_total", route="judged", result="skipped")
    ask(judging, upstream, "x" * 3_000_000)
    judging.wait_for_metric(before + 1, "headgate_validations_total", route="judged", result="skipped")


def test_errors_are_not_judged(judging, upstream):
    upstream.script = lambda received: scripted.answer(status=400, body=b'{"error": {"message": "no"}}')
    before = judging.metric("headgate_validations_total")
    assert judging.post("/v1/chat/completions", {"model": "judged", "messages": MESSAGES}).status == 400
    ask(judging, upstream, GOOD)
    judging.wait_for_metric(before + 1, "headgate_validations_total")
    assert judging.metric("headgate_validations_total") == before + 1
