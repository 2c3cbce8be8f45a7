"""`headgate difficulty`, as people call it."""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from gateway.cli.difficulty.command import command
from gateway.control.event_log.frames import frame
from routing.difficulty.features import hashed_features
from routing.difficulty.model import read_model
from tests.unit.training.made import made, write_rows

CONFIG = """
upstreams:
  sim: {provider: simulated}
routes:
  solver:
    variants: {base: {upstream: sim, model: m}, tuned: {upstream: sim, model: "ft:m"}}
    difficulty: {from: [header, metadata.rating]}
    segments:
      - name: hard
        when: {difficulty: {gte: 2500}}
        variant: tuned
      - {name: rest, variant: base}
"""


@pytest.fixture(autouse=True)
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str, input: str | None = None) -> Result:
    return CliRunner().invoke(command, arguments, input=input)


def done(*arguments: str, input: str | None = None) -> str:
    result = run(*arguments, input=input)
    assert result.exit_code == 0, result.output
    return result.stdout


def refused(*arguments: str, input: str | None = None) -> str:
    """The one line that says why."""
    result = run(*arguments, input=input)
    assert result.exit_code == 1, result.output
    line = result.stderr.strip().splitlines()[-1]
    assert line.startswith("Error: ") and "Traceback" not in result.output
    return line


@pytest.fixture
def rows(tmp_path: Path) -> str:
    return str(write_rows(tmp_path / "rows.jsonl", made(300)))


@pytest.mark.parametrize(
    ("target", "measure", "least"), [("rating", "spearman", 0.6), ("gain", "apgr", 0.52)]
)
def test_a_model_is_learnt_measured_and_shown(
    tmp_path: Path, rows: str, target: str, measure: str, least: float
) -> None:
    found = json.loads(done("train", "--data", rows, "--target", target, "--out", "m.json", "--json"))
    assert found["written"] and found["measure"] == measure and found["new"]["value"] > least
    assert read_model((tmp_path / "m.json").read_bytes()).target == target
    fresh = str(write_rows(tmp_path / "fresh.jsonl", made(200, seed=1)))
    report = json.loads(done("evaluate", "--model", "m.json", "--data", fresh, "--json"))
    assert report[measure]["low"] < report[measure]["value"] < report[measure]["high"]
    assert report[measure]["value"] > least and report["rows"] == 200
    assert len(report["calibration"]) == 10 and len(report["strata"]) == 4
    text = done("evaluate", "--model", "m.json", "--data", fresh)
    assert ("APGR" in text) == (target == "gain") and "strata" in text and "calibration" in text
    shown = json.loads(done("show", "m.json", "--json", "--top", "3"))
    assert shown["data"]["rows"] < 300 and len(shown["heads"]["*"]["largest"]) == 3
    assert "head *" in done("show", "m.json")


def test_a_model_is_replaced_by_a_better_one_only(tmp_path: Path, rows: str) -> None:
    done("train", "--data", rows, "--target", "rating", "--out", "m.json")
    before = (tmp_path / "m.json").read_bytes()
    assert "not written" in refused("train", "--data", rows, "--target", "rating", "--out", "m.json")
    assert (tmp_path / "m.json").read_bytes() == before
    more = str(write_rows(tmp_path / "more.jsonl", made(1_000)))
    assert "of resamples\nwritten to m.json" in done(
        "train", "--data", more, "--target", "rating", "--out", "m.json"
    )
    assert (tmp_path / "m.json").read_bytes() != before
    done("train", "--data", rows, "--target", "rating", "--out", "m.json", "--force", "--name", "mine")
    assert json.loads(done("show", "m.json", "--json"))["name"] == "mine"
    assert "estimates a rating, not a gain" in refused(
        "train", "--data", rows, "--target", "gain", "--out", "m.json"
    )
    against = ("--against", "heuristic", "--scale", "0..4000")
    found = json.loads(
        done("train", "--data", rows, "--target", "rating", "--out", "n.json", "--json", *against)
    )
    assert found["old"]["value"] < found["new"]["value"] and found["better"] == 1.0
    assert list(tmp_path.glob(".m.json*")) == []


def test_without_the_extra_train_says_what_to_install(rows: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gateway.training.train", None)
    line = refused("train", "--data", rows, "--target", "rating", "--out", "m.json")
    assert "pip install 'headgate[train]'" in line


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("{", "rows.jsonl:1: not valid JSON"),
        ("[" * 100_000, "rows.jsonl:1: not valid JSON"),
        ("[]", "rows.jsonl:1: a row is a JSON object"),
        ("{}", 'rows.jsonl:1: a row needs "prompt" or "messages"'),
        ('{"prompt": "secret", "rating": "secret"}', "rows.jsonl:1: rating: must be a number"),
        ('{"prompt": "secret", "weak": NaN}', "rows.jsonl:1: weak: must be a number"),
        ('{"prompt": "secret", "rating": 1, "weight": 0}', "rows.jsonl:1: weight: must be above 0"),
        ('{"prompt": "secret"}', 'no row has "rating"'),
        ('{"prompt": "secret", "rating": 5}', "1 rows are too few"),
        ("\n".join(f'{{"prompt": "secret", "rating": {at}}}' for at in range(120)), "same text"),
        ("\n".join(f'{{"prompt": "secret {at}", "rating": 5}}' for at in range(200)), "same in every row"),
    ],
)
def test_rows_that_cannot_be_used_are_named_and_not_repeated(tmp_path: Path, row: str, message: str) -> None:
    (tmp_path / "rows.jsonl").write_text(row)
    line = refused("train", "--data", "rows.jsonl", "--target", "rating", "--out", "m.json")
    assert message in line and "secret" not in line


def test_files_that_cannot_be_used_are_named(tmp_path: Path, rows: str) -> None:
    (tmp_path / "bad.jsonl").write_bytes(b"\xff\xfe")
    (tmp_path / "bad.json").write_text("{}")
    assert "bad.jsonl: not UTF-8" in refused("evaluate", "--model", "heuristic", "--data", "bad.jsonl")
    assert "No such file" in refused("evaluate", "--model", "heuristic", "--data", "none.jsonl")
    assert "bad.json: is not a difficulty model" in refused("show", "bad.json")
    assert "none.json: No such file" in refused("show", "none.json")
    with (tmp_path / "huge.json").open("wb") as file:
        file.truncate(17 << 20)
    assert "larger than 16 MiB" in refused("show", "huge.json")
    assert "none/m.json: No such file" in refused(
        "train", "--data", rows, "--target", "rating", "--out", "none/m.json"
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ("calibrate", "--share", "0%"),
        ("calibrate", "--share", "much"),
        ("train", "--data", "rows.jsonl", "--target", "rating", "--out", "m.json", "--scale", "5..1"),
        ("train", "--data", "rows.jsonl", "--target", "rating", "--out", "m.json", "--scale", "high"),
        ("train", "--data", ".", "--target", "rating", "--out", "m.json"),
        ("train", "--data", ".", "--target", "gain", "--out", "m.json"),
        ("evaluate", "--model", "heuristic", "--data", "rows.jsonl", "--strata", "3,2"),
        ("evaluate", "--model", "heuristic", "--data", "rows.jsonl", "--strata", "a"),
        ("score", "--route", "solver"),
        ("score", "--config", "headgate.yaml", "--model", "heuristic"),
    ],
)
def test_wrong_usage_is_2(rows: str, arguments: tuple[str, ...]) -> None:
    assert run(*arguments).exit_code == 2


REQUESTS = "\n".join(
    json.dumps(row)
    for row in (
        {"id": "a", "prompt": "아이스 아메리카노 한 잔 주세요"},
        {"messages": [{"role": "user", "content": "What is the capital of France?"}]},
        {"id": "c", "prompt": " "},
    )
)


def test_requests_are_scored_by_a_model() -> None:
    first, second, third = map(json.loads, done("score", input=f"{REQUESTS}\n\n").splitlines())
    assert first["id"] == "a" and first["task"] == "order" and first["source"] == "estimate"
    assert 800 <= first["score"] <= 3500 and second["id"] == 2
    assert third == {"id": "c", "score": None, "source": "none", "task": None, "reason": "no_text"}
    assert ":2: not valid JSON" in refused("score", input='{"prompt": "x"}\n{')
    assert "a row is a JSON object" in refused("score", input="3")


def test_requests_are_scored_as_a_route_would(tmp_path: Path) -> None:
    (tmp_path / "headgate.yaml").write_text(CONFIG)
    requests = "\n".join(
        json.dumps({"id": at, "prompt": "hello", **more})
        for at, more in enumerate(
            ({"metadata": {"rating": 2600}}, {"headers": {"X-Headgate-Difficulty": "900"}}, {"headers": 3})
        )
    )
    lines = done("score", "--config", "headgate.yaml", "--route", "solver", input=requests).splitlines()
    hard, easy, unknown = map(json.loads, lines)
    assert hard == {"id": 0, "score": 2600.0, "source": "metadata.rating", "task": None, "segment": "hard"}
    assert easy["score"] == 900.0 and easy["source"] == "header" and easy["segment"] == "rest"
    assert unknown["score"] is None and unknown["source"] == "none"
    assert refused("score", "--config", "headgate.yaml", "--route", "nowhere", input=requests)


def test_thresholds_are_calibrated_for_a_share() -> None:
    requests = "\n".join(json.dumps(row) for row in made(200))
    found = json.loads(done("calibrate", "--share", "20%", "--json", input=f"{requests}\n{REQUESTS}"))
    everything = found["tasks"]["*"]
    assert found["share"] == 0.2 and found["unknown"] == 1 and everything["requests"] == 202
    text = done("calibrate", "--share", "0.2", input=f"{requests}\n{REQUESTS}")
    assert "all tasks together" in text and "without a text" in text
    assert "no request has a text" in refused("calibrate", "--share", "5%", input="")


def events(directory: Path, *, content: bool, count: int = 800) -> Path:
    """An event log in which chance gave every fifth request to the strong variant."""
    draw = random.Random(5)
    lines: list[dict[str, Any]] = []
    for at, row in enumerate(made(count, seed=9)):
        strong = draw.random() < 0.2
        exposure: dict[str, Any] = {
            "type": "exposure", "request": f"{at:024x}", "route": "solver", "segment": "all",
            "variant": "tuned" if strong else "base", "served": "tuned" if strong else "base",
            "reason": "rollout", "probability": 0.2 if strong else 0.8, "compared": "compared",
            "unit": f"{at:016x}", "status": "ok",
        }  # fmt: skip
        if content:
            as_messages = json.dumps([{"role": "user", "content": row["prompt"]}])
            exposure["prompt"] = row["prompt"] if at % 2 else as_messages
        else:
            exposure["features"] = hashed_features({"prompt": row["prompt"]})
        outcome = {
            "type": "outcome", "request": f"{at:024x}", "source": "gateway",
            "validation_passed": bool(row["strong"] if strong else row["weak"]),
        }  # fmt: skip
        lines += [exposure, outcome]
    odd: list[dict[str, Any]] = [
        {"reason": "pinned"}, {"compared": "breaker"}, {"probability": 1.0}, {"probability": None},
        {"route": "other"}, {"variant": "third"}, {"status": "cancelled"}, {"status": "timeout"},
        {"served": "third"}, {"prompt": None, "features": None}, {"prompt": "", "features": {"words": 3}},
    ]  # fmt: skip
    if content:
        odd.append({"prompt": "[1, 2"})
    for at, change in enumerate(odd):
        name = f"odd-{at}"
        lines.append(lines[0] | {"request": name} | change)
        lines.append({"type": "outcome", "request": name, "source": "gateway", "validation_passed": False})
    directory.mkdir()
    data = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
    torn = frame(b"torn")[:-3]
    (directory / "2026-11-21T00-00-00Z-000001.jsonl.zst").write_bytes(frame(data) + torn)
    (directory / "2026-11-22T00-00-00Z-000002.jsonl.zst").write_bytes(b"")
    return directory


LOG = ("--route", "solver", "--weak", "base", "--strong", "tuned", "--source", "gateway")


@pytest.mark.parametrize("content", [True, False], ids=["prompts", "features"])
def test_a_gain_is_learnt_from_the_event_log(tmp_path: Path, content: bool) -> None:
    log = str(events(tmp_path / "log", content=content))
    trained = ("train", "--data", log, "--target", "gain", "--out", "m.json", "--json", *LOG)
    assert json.loads(done(*trained))["written"]
    model = read_model((tmp_path / "m.json").read_bytes())
    assert model.file.tokens == ("plain" if content else "crc32")
    fresh = str(write_rows(tmp_path / "fresh.jsonl", made(300, seed=2)))
    report = json.loads(done("evaluate", "--model", "m.json", "--data", fresh, "--json"))
    assert report["apgr"]["value"] > 0.55
    if not content:
        again = json.loads(done("evaluate", "--model", "m.json", "--data", log, "--json", *LOG))
        assert again["apgr"]["value"] > 0.6
        line = refused("evaluate", "--model", "heuristic", "--target", "gain", "--data", log, *LOG)
        assert "hashed features" in line


def test_a_log_without_what_is_needed_says_so(tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    train = ("train", "--target", "gain", "--out", "m.json", *LOG)
    assert "no event log" in refused(*train, "--data", "none")
    log = events(tmp_path / "log", content=True, count=3)
    elsewhere = ("--route", "nowhere")
    assert "no drawn request of route nowhere" in refused(*train, "--data", str(log), *elsewhere)
    bare = tmp_path / "bare"
    bare.mkdir()
    lines: list[dict[str, Any]] = [
        {"type": "exposure", "request": "1", "route": "solver", "variant": "base", "served": "base",
         "reason": "weights", "probability": 0.5, "compared": "none", "status": "ok"},
        {"type": "outcome", "request": "1", "source": "gateway", "validation_passed": True},
    ]  # fmt: skip
    (bare / "2026.jsonl.zst").write_bytes(frame("\n".join(map(json.dumps, lines)).encode()))
    assert "capture.features" in refused(*train, "--data", str(bare))


def test_texts_and_hashed_features_do_not_mix(tmp_path: Path) -> None:
    log = events(tmp_path / "log", content=True)
    more = events(tmp_path / "more", content=False)
    for path in more.iterdir():
        data = path.read_bytes()
        (log / f"3{path.name}").write_bytes(data)
    lines = [{"type": "exposure", "request": "x", "route": "solver", "variant": "base", "served": "base",
              "reason": "weights", "probability": 0.5, "compared": "none", "status": "ok",
              "features": hashed_features({"prompt": "hello"})},
             {"type": "outcome", "request": "x", "source": "gateway", "validation_passed": True}]  # fmt: skip
    (log / "4.jsonl.zst").write_bytes(frame("\n".join(map(json.dumps, lines)).encode()))
    line = refused("train", "--data", str(log), "--target", "gain", "--out", "m.json", *LOG)
    assert "cannot be learnt from together" in line
