"""No file: a configuration from a few variables of the environment.

    OPENAI_API_KEY GEMINI_API_KEY             the upstreams
    OPENAI_MODEL GEMINI_MODEL                 their models
    OPENAI_FINETUNED_MODEL                    the candidate; empty: none
    DEFAULT_LLM_SERVICE=openai|gemini         which model is the baseline
    HEADGATE_API_KEY HEADGATE_ADMIN_KEY       keys of the application and the operator
    HEADGATE_STAGES=10,50,100                 a rollout of the candidate, which recommends and never acts

They make one route, `default`, which also answers to the models' own names.
"""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from config.document import resolve, tree
from config.load import Loaded, validate
from config.names import MODEL
from config.problems import ConfigError, Problem

SOURCE = "environment"

_MODELS = {"openai": "gpt-4.1-mini", "gemini": "gemini-2.5-flash"}
"""The models when none are named."""


def from_environment(environ: Mapping[str, str], *, today: datetime.date | None = None) -> Loaded:
    """The configuration that the variables stand for. Raises ConfigError, which names the variables."""
    services = _services(environ)
    content = {
        "server": {"keys": _keys(environ)},
        "upstreams": {
            name: {"provider": name, "api_key": environ[f"{name.upper()}_API_KEY"]} for name in services
        },
        "routes": {"default": _route(environ, services)},
    }
    try:
        loaded = validate(tree(content), {}, base=Path.cwd(), today=today)
    except ConfigError as error:
        raise ConfigError([_renamed(problem) for problem in error.problems], SOURCE) from None
    if environ.get("HEADGATE_STAGES", "").strip() and not environ.get("OPENAI_FINETUNED_MODEL"):
        idle = Problem("HEADGATE_STAGES", None, "has no effect: OPENAI_FINETUNED_MODEL is not set")
        return replace(loaded, warnings=(*loaded.warnings, idle))
    return loaded


def _services(environ: Mapping[str, str]) -> list[str]:
    """The upstreams with a key, the baseline's first. Raises ConfigError when the variables disagree."""
    services = [name for name in ("openai", "gemini") if environ.get(f"{name.upper()}_API_KEY")]
    chosen = environ.get("DEFAULT_LLM_SERVICE", "").strip().lower()
    if chosen not in ("", "openai", "gemini"):
        raise _refusal("DEFAULT_LLM_SERVICE", "must be openai or gemini")
    if not services:
        raise _refusal(
            "", "no file was named with --config, and neither OPENAI_API_KEY nor GEMINI_API_KEY is set"
        )
    if chosen and chosen not in services:
        raise _refusal(f"{chosen.upper()}_API_KEY", f"is not set, and DEFAULT_LLM_SERVICE is {chosen}")
    if environ.get("OPENAI_FINETUNED_MODEL") and "openai" not in services:
        raise _refusal("OPENAI_API_KEY", "is not set, and OPENAI_FINETUNED_MODEL needs it")
    return sorted(services, key=lambda name: name != chosen)


def _keys(environ: Mapping[str, str]) -> list[dict[str, Any]]:
    wanted = [
        ("HEADGATE_API_KEY", "application", "default", ["chat", "outcomes"]),
        ("HEADGATE_ADMIN_KEY", "operator", "operator", ["admin"]),
    ]
    keys = [
        {"name": name, "application": application, "hash": _hash(environ[variable]), "scopes": scopes}
        for variable, name, application, scopes in wanted
        if environ.get(variable)
    ]
    if len(keys) == 1 and keys[0]["name"] == "operator":
        raise _refusal("HEADGATE_API_KEY", "is not set, and with HEADGATE_ADMIN_KEY alone nobody could call")
    if len(keys) == 2 and keys[0]["hash"] == keys[1]["hash"]:
        raise _refusal("HEADGATE_ADMIN_KEY", "must differ from HEADGATE_API_KEY")
    return keys


def _hash(key: str) -> str:
    return f"sha256:{hashlib.sha256(key.encode('utf-8', 'surrogateescape')).hexdigest()}"


def _route(environ: Mapping[str, str], services: list[str]) -> dict[str, Any]:
    models = {name: environ.get(f"{name.upper()}_MODEL") or _MODELS[name] for name in services}
    variants = {name: {"upstream": name, "model": model} for name, model in models.items()}
    baseline, tuned = services[0], environ.get("OPENAI_FINETUNED_MODEL")
    route: dict[str, Any] = {"variants": variants, "variant": baseline, "fallbacks": services[1:]}
    if tuned:
        variants["tuned"] = {"upstream": "openai", "model": tuned}
        route |= {"variant": "tuned", "fallbacks": services}
        stages = environ.get("HEADGATE_STAGES", "").strip()
        if stages:
            del route["variant"]
            route["rollout"] = {
                "baseline": baseline,
                "candidate": "tuned",
                "stages": [resolve(stage.strip()) for stage in stages.split(",")],
                "mode": "recommend",
                "guardrails": {"validation_passed": "off"},
            }
    known = dict.fromkeys(variant["model"] for variant in variants.values())
    route["names"] = [model for model in known if MODEL.fullmatch(model) and model != "default"]
    return route


def _refusal(variable: str, message: str) -> ConfigError:
    return ConfigError([Problem(variable, None, message)], SOURCE)


_VARIABLES = {
    "upstreams.openai.api_key": "OPENAI_API_KEY",
    "upstreams.gemini.api_key": "GEMINI_API_KEY",
    "routes.default.variants.openai.model": "OPENAI_MODEL",
    "routes.default.variants.gemini.model": "GEMINI_MODEL",
    "routes.default.variants.tuned.model": "OPENAI_FINETUNED_MODEL",
    "routes.default.rollout.stages": "HEADGATE_STAGES",
}


def _renamed(problem: Problem) -> Problem:
    """The problem told of the variable instead of the key that was made from it."""
    for path, variable in _VARIABLES.items():
        if problem.path.startswith(path):
            return Problem(variable, None, problem.message)
    return problem
