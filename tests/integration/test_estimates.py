"""Difficulty estimated from the text, and gains: through a real gateway with models made for the test."""

from __future__ import annotations

import json
import random

import pytest
from click.testing import CliRunner

from gateway.cli.main import main
from tests.integration.conftest import KEYS
from tests.support import models
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
  solver:
    variants: &variants
      strong: {{upstream: main, model: strong, price: {{request: 1}}}}
      cheap: {{upstream: main, model: cheap, price: {{request: 0.1}}}}
    difficulty:
      scale: codeforces
      from: [header, metadata.rating]
      estimate: ./solver.json
      default: 900
      strata: [1600, 2200, 2800]
    segments:
      - {{name: hard, when: {{difficulty: {{gte: 2500}}}}, variant: strong}}
      - {{name: ordinary, variant: cheap}}
  built-in:
    variants: {{any: {{upstream: main, model: any, price: {{request: 1}}}}}}
    difficulty: {{estimate: heuristic}}
    variant: any
  gains:
    variants:
      strong: {{upstream: main, model: strong, price: {{request: 1}}}}
      cheap: {{upstream: main, model: cheap, price: {{request: 0.1}}}}
    difficulty: {{estimate: ./gains.json, scale: {{min: 0, max: 100}}}}
    segments:
      - {{name: top, when: {{gain: {{top: 20%}}}}, variant: strong}}
      - {{name: rest, variant: cheap}}
"""
CHAT = "/v1/chat/completions"
WORDS = {"segment": 600.0, "tree": 500.0, "flow": 700.0, "easy": -300.0, "review": -100.0}
HARD = "segment tree flow on a graph of many vertices"
FRIGHTENING = f"{HARD}, a heavy light decomposition, prove NP hardness"


@pytest.fixture(scope="module")
def folder(shared_upstream, tmp_path_factory):
    folder = tmp_path_factory.mktemp("estimates")
    hashes = {name: hash_of(KEYS[name]) for name in ("app", "admin")}
    written = CONFIG.replace("&variants", "").format(url=shared_upstream.url, **hashes)
    (folder / "headgate.yaml").write_text(written)
    (folder / "solver.json").write_bytes(models.model(WORDS, intercept=1200.0))
    (folder / "gains.json").write_bytes(models.model(quantiles=tuple(range(1000, 2024))))
    return folder


@pytest.fixture(scope="module")
def estimating(folder):
    with running_gateway(folder / "headgate.yaml", keys=KEYS, options=["--workers", "2"]) as gateway:
        yield gateway


@pytest.fixture
def gateway(estimating, upstream):
    return estimating


def ask(gateway, *turns, model="solver", rating=None, header=None):
    content = [{"role": "user", "content": turn} for turn in turns]
    headers = {} if header is None else {"x-headgate-difficulty": header}
    answer = gateway.post(
        CHAT, {"model": model, "messages": content, "metadata": {"rating": rating}}, headers=headers
    )
    assert answer.status == 200
    return answer.headers


def explain(gateway, text, model="solver", **metadata):
    body = {"model": model, "messages": [{"role": "user", "content": text}], "metadata": metadata}
    return gateway.admin("POST", "/admin/v1/explain", {"request": body}).json


def test_a_text_is_estimated(gateway):
    assert ask(gateway, HARD)["x-headgate-segment"] == "hard"
    assert ask(gateway, HARD)["x-headgate-difficulty"] == "3000"
    assert ask(gateway, "what is 2 + 2?")["x-headgate-segment"] == "ordinary"


def test_a_rating_comes_first(gateway):
    assert ask(gateway, "hi", rating=2600)["x-headgate-segment"] == "hard"
    said = ask(gateway, FRIGHTENING, rating=900)
    assert (said["x-headgate-segment"], said["x-headgate-difficulty"]) == ("ordinary", "900")
    assert ask(gateway, "hi", rating="2500")["x-headgate-segment"] == "hard"
    assert ask(gateway, FRIGHTENING, header="2499.9")["x-headgate-segment"] == "ordinary"


@pytest.mark.parametrize("rating", [-5, 99999, "NaN", True, [2600], "Gold III"])
def test_an_invalid_rating_is_counted_and_the_text_decides(gateway, rating):
    counted = gateway.metric("headgate_difficulty_invalid_total", route="solver")
    assert ask(gateway, HARD, rating=rating)["x-headgate-segment"] == "hard"
    assert ask(gateway, "hi", rating=rating)["x-headgate-segment"] == "ordinary"
    gateway.wait_for_metric(counted + 2, "headgate_difficulty_invalid_total", route="solver")


def test_going_on_keeps_the_tier_and_another_question_does_not(gateway):
    assert ask(gateway, HARD, "ok, continue")["x-headgate-segment"] == "hard"
    unrelated = "a customer writes that the delivery came late and wants a refund; summarise the review"
    assert ask(gateway, HARD, unrelated)["x-headgate-segment"] == "ordinary"


@pytest.mark.parametrize(
    "content", ["", " \n", [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}]]
)
def test_without_a_text_the_default_decides_and_says_why(gateway, content):
    reason = {"route": "solver", "reason": "no_text"}
    counted = gateway.metric("headgate_difficulty_unestimated_total", **reason)
    assert ask(gateway, content)["x-headgate-difficulty"] == "900"
    gateway.wait_for_metric(counted + 1, "headgate_difficulty_unestimated_total", **reason)
    told = explain(gateway, content)["difficulty"]
    assert (told["source"], told["score"], told["reason"]) == ("default", 900.0, "no_text")


def test_the_built_in_model(gateway):
    statement = (
        "You are given a rooted tree with n vertices and q queries. In each query, count the vertices of a "
        "subtree whose distance to v is at most k, modulo 998244353. 1 <= n, q <= 500000. Output the answers."
    )
    hard, easy = ask(gateway, statement, model="built-in"), ask(gateway, "Hello!", model="built-in")
    assert float(hard["x-headgate-difficulty"]) > float(easy["x-headgate-difficulty"]) >= 800
    told = explain(gateway, statement, model="built-in")["difficulty"]
    assert (told["task"], told["source"]) == ("competitive-en", "estimate")
    assert sum(part["value"] for part in told["contributions"]) == pytest.approx(told["score"])


def test_an_explanation_adds_up(gateway):
    told = explain(gateway, HARD)
    difficulty = told["difficulty"]
    assert told["segment"] == "hard" and difficulty["source"] == "estimate"
    assert difficulty["score"] == 3000.0 and difficulty["stratum"] == "ge2800"
    assert difficulty["task"] == "other" and difficulty["threshold"] is None
    assert sum(part["value"] for part in difficulty["contributions"]) == pytest.approx(3000.0)
    named = {part["feature"]: part["value"] for part in difficulty["contributions"]}
    assert named["flow"] == 700.0 and difficulty["model"].startswith("sha256:")


def test_the_command_explains_the_same(gateway, folder, tmp_path):
    body = {"model": "solver", "messages": [{"role": "user", "content": HARD}]}
    (tmp_path / "body.json").write_text(json.dumps(body))
    words = ["explain", "--config", str(folder / "headgate.yaml"), "--request", str(tmp_path / "body.json")]
    printed = CliRunner().invoke(main, [*words, "--json"])
    told = json.loads(printed.stdout.splitlines()[-1])["difficulty"]
    assert told == explain(gateway, HARD)["difficulty"]
    assert "+700" in CliRunner().invoke(main, words).stdout


def test_the_strata_are_the_estimates(gateway):
    labels = {"route": "solver", "stratum": "ge2800"}
    before = gateway.metric("headgate_requests_total", **labels)
    source = {"route": "solver", "source": "estimate"}
    estimated = gateway.metric("headgate_difficulty_score_count", **source)
    above = gateway.metric("headgate_difficulty_score_bucket", le="2800.0", **source)
    request_id = ask(gateway, HARD)["x-request-id"]
    gateway.wait_for_metric(before + 1, "headgate_requests_total", **labels)
    assert gateway.metric("headgate_difficulty_source_total", **source) >= 1
    assert gateway.metric("headgate_difficulty_score_count", **source) == estimated + 1
    assert gateway.metric("headgate_difficulty_score_bucket", le="2800.0", **source) == above
    known = gateway.admin("GET", f"/admin/v1/requests/{request_id}").json
    assert known["stratum"] == 4 and known["exposure"]["task"] == "other"
    assert known["exposure"]["figure"] == 3000.0


def share(gateway, scores):
    """The share of requests with these scores that went to the strong variant.

    The gateway gets the time to hear of them that it has with a hundred requests a second or so.
    """
    before, strong = gateway.metric("headgate_requests_total", route="gains"), 0
    for done, score in enumerate(scores, 1):
        said = ask(gateway, models.spelled(score), model="gains")
        strong += said["x-headgate-variant"] == "strong"
        if done % 30 == 0:
            gateway.wait_for_metric(before + done, "headgate_requests_total", route="gains")
    return strong / len(scores)


def test_the_top_share_is_kept_wherever_scores_lie(gateway):
    """Training has scores from 0 to 1,023 above the intercept; as trained, half of these would go."""
    drawn = random.Random(7)
    assert explain(gateway, "hi", model="gains")["difficulty"]["threshold"] is not None
    assert 0.16 <= share(gateway, [drawn.randrange(600, 1024) for _ in range(600)]) <= 0.24
    told = explain(gateway, models.spelled(1023), model="gains")
    assert told["segment"] == "top" and told["difficulty"]["threshold"] < told["difficulty"]["score"]
    gateway.wait_until(lambda: gateway.metric("headgate_difficulty_drift_ratio", route="gains") > 0.4)
    assert 1800 < gateway.metric("headgate_gain_threshold", route="gains", task="other", top="20") < 2100


def test_a_gain_is_unknown_without_a_text(gateway):
    assert ask(gateway, "", model="gains")["x-headgate-segment"] == "rest"
