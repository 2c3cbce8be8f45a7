"""Settling: the configuration says what was promoted; and what becomes of a rollout that comes back."""

from __future__ import annotations

from tests.integration.test_rollouts import KEYS, PLACE, act, configure, insist_to, reading, served
from tests.support.client import PATIENCE
from tests.support.gateway import running_gateway


def settle(config, serves="variant: tuned"):
    """What the segment says in the place of its rollout."""
    lines = config.read_text().splitlines(keepends=True)
    config.write_text("".join(f"    {serves}\n" if "rollout:" in line else line for line in lines))


def causes(gateway):
    return [one["cause"] for one in gateway.admin("GET", f"{PLACE}/history").json]


def test_what_was_settled_and_is_asked_for_again_begins_anew(tmp_path, upstream):
    config = configure(tmp_path, upstream)
    with running_gateway(config, keys=KEYS) as gateway:
        act(gateway, "promote", full=True)
        settle(config)
        gateway.wait_until(lambda: gateway.logged("the promotion of `tuned` is settled"))
        assert served(gateway, 8) == {"tuned": 8}
        gateway.wait_until(lambda: reading(gateway).get("error"))  # there is no rollout any more …
        assert causes(gateway) == ["started", "promote", "settled"]  # … but what there was can be read
        configure(tmp_path, upstream)
        gateway.wait_until(lambda: reading(gateway).get("epoch") == 2)
        found = reading(gateway)
        assert (found["phase"], found["weight"], found["stage"]) == ("running", 10.0, 1)
        assert causes(gateway) == ["started", "promote", "settled", "definition"]
        act(gateway, "pause")


def test_settling_and_what_is_asked_for_again_wait_for_every_replica(tmp_path, upstream, valkey):
    configs = [configure(tmp_path / name, upstream, store=valkey.url) for name in ("one", "two")]
    with running_gateway(configs[0], keys=KEYS) as one, running_gateway(configs[1], keys=KEYS) as two:
        act(one, "promote", full=True)
        two.wait_until(lambda: served(two, 5) == {"tuned": 5})
        settle(configs[0])
        one.wait_until(lambda: one.logged("configuration reloaded"))
        assert served(one, 8) == served(two, 8) == {"tuned": 8}
        assert reading(two)["settle"]
        settle(configs[1])
        two.wait_until(lambda: any(gateway.logged("is settled") for gateway in (one, two)), 3 * PATIENCE)
        configure(tmp_path / "two", upstream, store=valkey.url)
        two.wait_until(lambda: reading(two).get("phase") == "promoted")
        assert insist_to(two, "undo").status == 409  # until everybody has it, there is nothing to be done
        two.wait_until(lambda: served(two, 8) == {"base": 8})
        assert served(one, 8) == {"tuned": 8}
        configure(tmp_path / "one", upstream, store=valkey.url)
        # They have to agree for ten seconds.
        one.wait_until(lambda: reading(two)["epoch"] == 2 and reading(one).get("epoch") == 2, 3 * PATIENCE)
