"""The gate of the built-in model: which task a text is, learnt from the data and from own sentences."""

from __future__ import annotations

import random
import re
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.feature_extraction import DictVectorizer
from sklearn.linear_model import LogisticRegression

from gateway.training.folds import folds_of, groups_of
from gateway.training.write import rounded
from routing.difficulty.gate import FIGURES, TASKS, figures_of
from routing.difficulty.model import GateFile
from routing.difficulty.reading import read as read_text
from routing.difficulty.text import text_of
from tests.bench.difficulty.data import read
from tests.bench.difficulty.sentences import sentences
from tests.bench.difficulty.sources import body_of

WORDS = 600
"""Words that the gate keeps."""
PARTS = re.compile(
    r"\d|[≤<]|\b(?:array|string|integer|graph|tree|minimum|maximum|number)|"
    "정수|배열|수열|문자열|그래프|출력|최소|최대|개수"
)
"""What a part of a problem has to hold to be known as one."""


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
                if PARTS.search(part):
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
        return {str(names.get_feature_names_out()[index]) for index in np.argsort(-weight)[:WORDS]} | {
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
