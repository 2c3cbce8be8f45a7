"""Makes the built-in model anew: `make heuristic ARGS=DIRECTORY`, with the data's directory.

Heads for five tasks, each on the Codeforces scale, and the gate that chooses among them. Only weights leave
this machine, of words that are in several texts.
"""

from __future__ import annotations

import random
import re
import sys
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy.stats import spearmanr
from sklearn.feature_extraction import DictVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from gateway.training.fit import Recipe, Rows, fit, predictions
from gateway.training.folds import folds_of, groups_of
from gateway.training.texts import Text, text_features
from gateway.training.write import head_file, matching_curve, quantiles_of, rounded
from routing.difficulty.gate import FIGURES, TASKS, figures_of
from routing.difficulty.line import Line, at
from routing.difficulty.model import GateFile, HeadFile, Scale, write_model
from routing.difficulty.reading import read as read_text
from routing.difficulty.scales import BAEKJOON
from routing.difficulty.text import text_of
from tests.bench.difficulty.data import digest, directory, read
from tests.bench.difficulty.sentences import sentences

OUT = Path(__file__).parents[3] / "config" / "heuristic.json"
GATE_WORDS = 600
LABELS = {"easy": 1050.0, "medium": 1600.0, "hard": 2250.0}
"""Where LeetCode's and AtCoder's labels lie on the Codeforces scale, on the whole."""


class Source(NamedTuple):
    """Rows of one file: bodies, ratings, groups, and how much each counts."""

    bodies: Sequence[dict[str, Any]]
    ratings: Sequence[float]
    groups: Sequence[object]
    weight: float = 1.0


def body_of(row: dict[str, Any]) -> dict[str, Any]:
    """A row as a request's body."""
    return {
        "messages": row["messages"] if "messages" in row else [{"role": "user", "content": row["prompt"]}]
    }


def competitive(path: Path) -> dict[str, list[Source]]:
    """Sources of the two heads for competitive programming; the first of each is what it is judged by."""
    codeforces, baekjoon = read(path, "codeforces_rated"), read(path, "baekjoon_tiers")
    contests = read(path, "livecodebench")
    korean = [row for row in baekjoon if row["lang"] == "ko"]
    english = [row for row in baekjoon if row["lang"] != "ko"]

    def tiers(rows: list[dict[str, Any]], weight: float) -> Source:
        return Source(
            [body_of(row) for row in rows],
            [at(BAEKJOON, row["tier"]) for row in rows],
            [None] * len(rows),
            weight,
        )

    rated = Source(
        [body_of(row) for row in codeforces],
        [row["rating"] for row in codeforces],
        [f"cf{row['contest']}" for row in codeforces],
    )
    labelled = Source(
        [body_of(row) for row in contests],
        [LABELS[row["difficulty"]] for row in contests],
        [f"lcb{row['contest']}" for row in contests],
        0.2,
    )
    return {
        "competitive-en": [rated, tiers(english, 0.2), labelled],
        "competitive-ko": [tiers(korean, 1.0)],
    }


def everyday(path: Path) -> dict[str, list[Source]]:
    """Sources of the other heads. Ratings are places on the Codeforces scale that suit the task."""
    reviews, orders = read(path, "nsmc_reviews"), read(path, "korean_orders_synthetic")
    questions, failures = [], []
    for name in ("routellm_gsm8k", "routellm_mmlu"):
        for row in read(path, name):
            questions.append(body_of(row))
            failures.append(1 - 0.6 * row["weak"] - 0.4 * row["strong"])
    for row in read(path, "routerbench_sub"):
        questions.append(body_of(row))
        failures.append(1 - float(np.mean(list(row["scores"].values()))))
    for row in read(path, "routellm_mtbench"):
        questions.append(body_of(row))
        failures.append(1 - row["weak"] / 10)
    return {
        "review": [
            Source(
                [body_of(row) for row in reviews],
                [850.0 + 400 * row["neutral"] for row in reviews],
                [None] * len(reviews),
            )
        ],
        "order": [
            Source(
                [body_of(row) for row in orders],
                [850.0 + 650 * row["complex"] for row in orders],
                [None] * len(orders),
            )
        ],
        "other": [Source(questions, [800 + 1400 * failed for failed in failures], [None] * len(questions))],
    }


SIZES = {"competitive-en": 26_000, "competitive-ko": 9_000, "review": 1_200, "order": 400, "other": 6_000}
PENALTIES = {"other": 6.0, "review": 4.0, "order": 1.0}
RANGES = {"review": (800.0, 1300.0), "other": (800.0, 2100.0)}
"""Scores of these tasks are spread over a range: their order is learnt, their place is set."""


def head_of(task: str, sources: list[Source]) -> tuple[HeadFile, dict[str, Any]]:
    """The head of a task and what it reached, cross-validated on the first source."""
    texts: list[Text] = [text_features(body) for source in sources for body in source.bodies]
    prompts = [text_of(body) for source in sources for body in source.bodies]
    groups = groups_of(prompts, [name for source in sources for name in source.groups])
    target = np.array([rating for source in sources for rating in source.ratings], float)
    weights = np.concatenate([np.full(len(source.bodies), source.weight) for source in sources])
    rows = Rows(texts, target, groups, weights)
    recipe = Recipe(penalty=PENALTIES.get(task, 1.2), size=SIZES[task])
    raw = predictions(rows, recipe)
    first = slice(0, len(sources[0].bodies))
    curve = _curve(task, raw[first], target[first])
    scores = np.array([at(curve, one) for one in raw[first]])
    found = {
        "rows": len(target[first]),
        "spearman": rounded(float(spearmanr(scores, target[first])[0])),
        "auc": rounded(_auc(task, scores, target[first])),
    }
    return head_file(fit(rows, recipe).head, curve=curve, quantiles=quantiles_of(scores)), found


def _curve(task: str, raw: np.ndarray[Any, Any], target: np.ndarray[Any, Any]) -> Line:
    if task in RANGES:
        low, high = RANGES[task]
        return matching_curve(raw, low + (high - low) * np.linspace(0, 1, len(raw)) ** 1.3)
    if task == "order":
        return (800.0, 1600.0), (800.0, 1600.0)
    return matching_curve(raw, target)


def _auc(task: str, scores: np.ndarray[Any, Any], target: np.ndarray[Any, Any]) -> float:
    hard = {
        "competitive-en": 2500.0,
        "competitive-ko": 1950.0,
        "review": 1000.0,
        "order": 1000.0,
        "other": 1400.0,
    }[task]
    return float(roc_auc_score(target >= hard, scores))


# ── the gate ─────────────────────────────────────────────────────────────────────────────────────────────


def gate_texts(path: Path, seed: int = 0) -> tuple[list[str], list[str]]:
    """Texts and their tasks: whole ones, and parts of problems, since people ask about parts."""
    draw = random.Random(seed)
    texts: list[tuple[str, str]] = []
    for name, count in (("codeforces_rated", 1500), ("livecodebench", 600), ("baekjoon_tiers", 3128)):
        rows = read(path, name)
        for row in draw.sample(rows, min(count, len(rows))):
            task = "competitive-ko" if row.get("lang") == "ko" else "competitive-en"
            texts.append((row["prompt"], task))
            pieces = [piece for piece in re.split(r"(?<=[.?!])\s+|\n\n", row["prompt"]) if len(piece) > 20]
            if len(pieces) > 3 and draw.random() < 0.5:
                start = draw.randrange(len(pieces) - 2)
                part = " ".join(pieces[start : start + 3])
                if re.search(
                    r"\d|[≤<]|\b(?:array|string|integer|graph|tree|minimum|maximum|number)|정수|배열|수열|문자열|그래프|출력|최소|최대|개수",
                    part,
                ):
                    texts.append((part, task))
    texts += [(row["prompt"], "review") for row in draw.sample(read(path, "nsmc_reviews"), 1500)]
    texts += [(text_of(body_of(row)), "order") for row in read(path, "korean_orders_synthetic")]
    for name, count in (
        ("routellm_mmlu", 1500),
        ("routellm_gsm8k", 700),
        ("routerbench_sub", 700),
        ("routellm_mtbench", 54),
    ):
        rows = read(path, name)
        texts += [(row["prompt"], "other") for row in draw.sample(rows, min(count, len(rows)))]
    texts += list(sentences(12, seed))
    return [text for text, _ in texts], [task for _, task in texts]


def gate_of(path: Path) -> tuple[GateFile, dict[str, Any]]:
    """The gate, and the share of held-out texts that it judges right."""
    texts, tasks = gate_texts(path)
    readings = [read_text(text) for text in texts]
    groups = groups_of(texts, [None] * len(texts))
    counts = Counter(word for reading in readings for word in reading.unique)
    common = {word for word, count in counts.items() if count >= 4 and not word[0].isdigit()}
    rows = [
        {word: 1.0 for word in reading.unique & common}
        | {f"#{name}": value for name, value in zip(FIGURES, figures_of(reading), strict=True)}
        for reading in readings
    ]
    labels = np.array([TASKS.index(task) for task in tasks])

    def model(at: Any, wanted: set[str] | None) -> tuple[DictVectorizer, LogisticRegression]:
        part = [
            {name: value for name, value in rows[index].items() if wanted is None or name in wanted}
            for index in at
        ]
        names = DictVectorizer().fit(part)
        return names, LogisticRegression(C=2.0, max_iter=400, class_weight="balanced").fit(
            names.transform(part), labels[at]
        )

    def important(at: Any) -> set[str]:
        names, fitted = model(at, None)
        weight = np.abs(fitted.coef_).max(0) * np.sqrt(
            [counts.get(name, 10**6) for name in names.get_feature_names_out()]
        )
        return {str(names.get_feature_names_out()[index]) for index in np.argsort(-weight)[:GATE_WORDS]} | {
            f"#{name}" for name in FIGURES
        }

    right = np.zeros(len(rows), bool)
    for known, asked in folds_of(groups, 4):
        names, fitted = model(known, important(known))
        right[asked] = fitted.predict(names.transform([rows[index] for index in asked])) == labels[asked]
    everything = np.arange(len(rows))
    names, fitted = model(everything, important(everything))
    columns = {
        str(name): [rounded(float(weight)) for weight in fitted.coef_[:, at]]
        for at, name in enumerate(names.get_feature_names_out())
    }
    gate = GateFile(
        list(TASKS),
        [rounded(float(one)) for one in fitted.intercept_],
        {name: column for name, column in sorted(columns.items()) if not name.startswith("#")},
        {name: columns.get(f"#{name}", [0.0] * len(TASKS)) for name in FIGURES},
    )
    by_task = {task: rounded(float(right[labels == at].mean())) for at, task in enumerate(TASKS)}
    return gate, {"rows": len(rows), "accuracy": rounded(float(right.mean())), **by_task}


def main() -> None:
    """Makes the model and writes it."""
    path = directory(sys.argv[1:], "heuristic")
    heads, metrics = {}, {}
    gate, metrics["gate"] = gate_of(path)
    print("gate", metrics["gate"], flush=True)
    for task, sources in (competitive(path) | everyday(path)).items():
        heads[task], metrics[task] = head_of(task, sources)
        print(task, metrics[task], len(heads[task].words), len(heads[task].pairs), flush=True)
    content = write_model(
        {
            "name": "heuristic",
            "target": "rating",
            "scale": Scale("codeforces", 800.0, 3500.0),
            "created": datetime.now(UTC).date().isoformat(),
            "data": {"sha256": digest(path)},
            "metrics": metrics,
            "tokens": "plain",
            "heads": heads,
            "gate": gate,
        }
    )
    OUT.write_bytes(content)
    print(f"{OUT}: {len(content)} bytes")


if __name__ == "__main__":
    main()
