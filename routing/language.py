"""The language of a text, guessed from its script alone: cheap, and enough to pick a model."""

from __future__ import annotations

import re

SAMPLE = 1_000
"""Characters that are looked at."""
SHARE = 0.2
"""A text full of code or Latin names is still Korean when this share of its letters is."""

_latin = re.compile(r"[A-Za-z\u00c0-\u024f]")
_kana = re.compile(r"[\u3040-\u30ff]")
_scripts = {
    "ko": re.compile(r"[\u1100-\u11ff\u3130-\u318f\uac00-\ud7af]"),
    "zh": re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]"),
    "ru": re.compile(r"[\u0400-\u04ff]"),
    "ar": re.compile(r"[\u0600-\u06ff]"),
    "hi": re.compile(r"[\u0900-\u097f]"),
    "th": re.compile(r"[\u0e00-\u0e7f]"),
    "he": re.compile(r"[\u0590-\u05ff]"),
    "el": re.compile(r"[\u0370-\u03ff]"),
}
"""Han and kana count together: Japanese is what has kana among them."""


def language_of(text: str) -> str | None:
    """A code: `ko ja zh ru ar hi th he el`, or `en` for any Latin script; None where there are no letters."""
    sample = text[:SAMPLE]
    latin = len(_latin.findall(sample))
    if not sample.isascii():
        counts = {language: len(script.findall(sample)) for language, script in _scripts.items()}
        language = max(counts, key=counts.__getitem__)
        if counts[language] > SHARE * (latin + sum(counts.values())):
            return "ja" if language == "zh" and _kana.search(sample) else language
    return "en" if latin else None
