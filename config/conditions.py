"""`when`: the conditions of a segment, all of which must hold."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field

from config.model import Many, Model, header_name
from config.units import Share, Weight

UNKNOWN_KEY = "is an unknown key"

OPERATORS = ("eq", "ne", "in", "gt", "gte", "lt", "lte", "exists")

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Condition:
    """One clause: `subject` `name` `operator` `value`.

    `subject` is `difficulty`, `gain`, `tokens`, `language`, `has`, `metadata`, `header`, `application` or
    `percent`; `name` is the metadata field or the lower-case header, else empty. `gain` has the operator
    `top` and `percent` the operator `lt`, both with basis points; `in` has a tuple.
    """

    subject: str
    name: str
    operator: str
    value: Any


class Test(Model, Generic[Value]):
    """Operators on one subject, all of which must hold. A bare value means `eq`."""

    __test__ = False
    model_config = ConfigDict(serialize_by_alias=True)

    eq: Value | None = None
    ne: Value | None = None
    in_: Annotated[Many[Value], Field(min_length=1)] | None = Field(default=None, alias="in")
    gt: Value | None = None
    gte: Value | None = None
    lt: Value | None = None
    lte: Value | None = None
    exists: bool | None = None

    def operators(self) -> Iterator[tuple[str, Any]]:
        """The operators that were given, with their values."""
        for operator in OPERATORS:
            value = getattr(self, "in_" if operator == "in" else operator)
            if value is not None:
                yield operator, value


def _bare(value: object) -> object:
    if isinstance(value, list):
        raise ValueError("must be one value, or {in: [...]} for any of several")
    if isinstance(value, dict):
        if not value:
            raise ValueError(f"needs an operator: {', '.join(OPERATORS)}")
        return value
    return {"eq": value}


Number = Annotated[float, Field(allow_inf_nan=False)]
Feature = Literal["tools", "images", "json_schema"]


def _scalar(value: object) -> object:
    if not isinstance(value, str | bool | int | float):
        raise ValueError("must be a text, a number, true or false")
    return value


Scalar = Annotated[str | bool | int | Number, BeforeValidator(_scalar)]


class NumberTest(Test[Number]):
    """Operators on a number."""


class ScalarTest(Test[Scalar]):
    """Operators on a text, a number or a truth value."""


class TextTest(Test[str]):
    """Operators on a text."""


class FeatureTest(Test[Feature]):
    """Operators on what a request makes use of."""


Numeric = Annotated[NumberTest, BeforeValidator(_bare, json_schema_input_type=Number | NumberTest)]
Free = Annotated[ScalarTest, BeforeValidator(_bare, json_schema_input_type=Scalar | ScalarTest)]
Textual = Annotated[TextTest, BeforeValidator(_bare, json_schema_input_type=str | TextTest)]
Featured = Annotated[FeatureTest, BeforeValidator(_bare, json_schema_input_type=Feature | FeatureTest)]


class Gain(Model):
    """The requests among the `top` share by the gain expected from the stronger model."""

    top: Share


_CREDENTIALS = frozenset({"authorization", "cookie", "proxy-authorization", "x-api-key", "api-key"})


def _open_subject(key: str) -> str:
    subject, dot, name = key.partition(".")
    if subject == "metadata" and dot and 0 < len(name) <= 64:
        return key
    if subject == "header" and dot:
        lowered = header_name(name)
        if lowered in _CREDENTIALS:
            raise ValueError("is a credential and may not be a condition; use `application`")
        return f"header.{lowered}"
    raise ValueError(UNKNOWN_KEY)


class When(Model):
    """Conditions by subject; besides the fields, `metadata.KEY` and `header.NAME`."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[Annotated[str, AfterValidator(_open_subject)], Free]

    difficulty: Numeric | None = None
    gain: Gain | None = None
    tokens: Numeric | None = None
    language: Textual | None = None
    has: Featured | None = None
    application: Textual | None = None
    percent: Weight | None = None

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """Every clause, in one flat list."""
        clauses = []
        for subject in ("difficulty", "tokens", "language", "has", "application"):
            test: Test[Any] | None = getattr(self, subject)
            if test is not None:
                clauses += [Condition(subject, "", *clause) for clause in test.operators()]
        for key, extra in (self.__pydantic_extra__ or {}).items():
            subject, _, name = key.partition(".")
            clauses += [Condition(subject, name, *clause) for clause in extra.operators()]
        if self.gain is not None:
            clauses.append(Condition("gain", "", "top", self.gain.top))
        if self.percent is not None:
            clauses.append(Condition("percent", "", "lt", self.percent))
        return tuple(clauses)
