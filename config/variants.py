"""Variants: upstream, model, parameters, prompt and price."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, Discriminator, Field, JsonValue, Tag

from config.files import Prose
from config.model import Many, Model, Text
from config.names import ModelName, Name

_OWNED = frozenset({"model", "messages", "stream", "stream_options"})


def _field(value: str) -> str:
    if not value or len(value) > 128:
        raise ValueError("must be the name of a request field")
    if value in _OWNED:
        raise ValueError("is set by the gateway or the client and may not be configured")
    return value


FieldName = Annotated[str, AfterValidator(_field)]
"""A field of the request's body that a variant may set, drop or rename."""

Amount = Annotated[float, Field(ge=0, le=1_000_000, allow_inf_nan=False)]


class Price(Model):
    """USD per million tokens, and USD per request; `cached_input` costs as much as `input` by default."""

    input: Amount = 0.0
    cached_input: Amount = Field(default_factory=lambda data: data.get("input", 0.0))
    output: Amount = 0.0
    request: Amount = 0.0


class System(Model):
    """What becomes of the system prompt; exactly one. A file's text replaces it."""

    replace: str | None = None
    prepend: str | None = None
    file: Prose | None = None

    @property
    def mode(self) -> str:
        """`replace` or `prepend`."""
        return "replace" if self.prepend is None else "prepend"

    @property
    def text(self) -> str:
        """The prompt, read from its file if need be."""
        if self.file is not None:
            return self.file.text
        return (self.replace if self.prepend is None else self.prepend) or ""


def _price_form(value: Any) -> str:
    return "entry" if isinstance(value, str) else "price"


class Variant(Model):
    """One choice in a route. `price` is a price, the name of an entry of the packaged table, or None."""

    upstream: Name
    model: ModelName
    price: (
        Annotated[Annotated[Price, Tag("price")] | Annotated[Text, Tag("entry")], Discriminator(_price_form)]
        | None
    ) = None
    system: System | None = None
    drop: Many[FieldName] = ()
    rename: dict[FieldName, FieldName] = {}
    parameters: dict[FieldName, JsonValue] = {}
    override: dict[FieldName, JsonValue] = {}
