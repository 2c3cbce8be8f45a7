"""Every validator by name: adding one is one file, its keys in `config.validators`, and one line here."""

from __future__ import annotations

from importlib import import_module
from typing import cast

from gateway.validation.wire import Rule
from routing.validators.verdict import Validator

VALIDATORS = {
    "json": "routing.validators.json:Json",
    "json_schema": "routing.validators.json_schema:JsonSchema",
    "one_of": "routing.validators.one_of:OneOf",
    "regex": "routing.validators.regex:Regex",
    "code_block": "routing.validators.code_block:CodeBlock",
}
"""`module:Class` by the `type` of the configuration; the class takes the other keys as arguments."""


def make(rule: Rule) -> Validator:
    """The validator of a rule, its module imported on first use: some bring libraries of their own."""
    module, _, name = VALIDATORS[rule.type].partition(":")
    return cast(Validator, getattr(import_module(module), name)(**rule.options))
