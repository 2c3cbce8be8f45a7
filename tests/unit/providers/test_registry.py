"""The registry: every name leads to a provider, an unknown one is refused."""

from importlib import import_module
from pathlib import Path

import pytest

from gateway.providers.registry import PROVIDERS, ProviderRefused, make, verify
from gateway.providers.simulated import SimulatedProvider
from routing.snapshot import Upstream


@pytest.mark.parametrize("target", PROVIDERS.values(), ids=PROVIDERS.keys())
def test_every_entry_can_be_imported(target: str) -> None:
    module, _, name = target.partition(":")
    kind = getattr(import_module(module), name)
    assert callable(kind.send) and callable(kind.close)


def test_a_provider_is_made_of_its_upstream() -> None:
    assert isinstance(make(Upstream("lab", "simulated")), SimulatedProvider)


def test_an_unknown_provider_names_the_field() -> None:
    with pytest.raises(
        ProviderRefused, match=r"^upstreams\.lab\.provider: must be one of gemini, .*, openai, simulated$"
    ):
        verify([Upstream("fine", "simulated"), Upstream("lab", "telepathy")])


def test_an_upstream_that_cannot_work_is_refused_by_name(tmp_path: Path) -> None:
    book = tmp_path / "book.json"
    book.write_text("{")
    with pytest.raises(ProviderRefused, match=r"^upstreams\.lab: task book .*book\.json: not JSON"):
        verify([Upstream("lab", "simulated", options={"book": str(book)})])
    with pytest.raises(ProviderRefused, match=r"^upstreams\.far: "):
        verify([Upstream("far", "openai", base_url="https://127.0.0.1:1/v1", ca_file=str(book))])
