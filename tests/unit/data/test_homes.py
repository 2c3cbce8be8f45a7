"""Where stored responses live, as a worker knows it: what it made, and what it asks the control plane."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from gateway.channel.homes import Told, decode_asked, decode_made
from gateway.channel.link import Kind
from gateway.data import homes, questions
from gateway.data.homes import Homes, Unsure
from routing.home import Home, encode, name_of

HOME = Home(1, "solver", "base", "left", b"thread")


class Channel:
    """A channel to a control plane; it takes messages while there is room."""

    def __init__(self) -> None:
        self.room = True
        self.sent: list[tuple[Kind, bytes]] = []
        self.lost = 0
        self.homes = Homes(self.send, self.lose)

    def send(self, kind: Kind, message: bytes) -> bool:
        if self.room:
            self.sent.append((kind, message))
        return self.room

    def lose(self) -> None:
        self.lost += 1

    async def until(self, count: int) -> list[tuple[Kind, bytes]]:
        """Waits for so many messages."""
        async with asyncio.timeout(10):
            while len(self.sent) < count:
                await asyncio.sleep(0.005)
        return self.sent


def scenario(test: Callable[[Channel], Awaitable[None]]) -> Callable[[], None]:
    """Runs a test with a channel of its own."""

    async def run() -> None:
        await test(Channel())

    return lambda: asyncio.run(run())


@scenario
async def test_what_was_made_here_is_told_and_known(channel: Channel) -> None:
    channel.homes.made("resp_1", HOME)
    ((kind, message),) = channel.sent
    assert kind is Kind.MADE
    assert (decode_made(message).name, decode_made(message).home) == (name_of("resp_1"), encode(HOME))
    assert await channel.homes.find("resp_1") == HOME
    assert len(channel.sent) == 1


@scenario
async def test_the_rest_is_asked_once(channel: Channel) -> None:
    finding = asyncio.create_task(channel.homes.find("resp_1"))
    ((kind, message),) = await channel.until(1)
    asked = decode_asked(message)
    assert (kind, asked.name) == (Kind.WHERE, name_of("resp_1"))
    channel.homes.told(Told(asked.number + 1, b"another's"))
    channel.homes.again()
    assert channel.sent[1] == channel.sent[0]
    channel.homes.told(Told(asked.number, encode(HOME)))
    channel.homes.told(Told(asked.number, b""))
    assert await finding == HOME == await channel.homes.find("resp_1")
    assert len(channel.sent) == 2


@pytest.mark.parametrize("written", [b"", b"\x01"])
def test_what_nobody_knows(written: bytes) -> None:
    async def test(channel: Channel) -> None:
        finding = asyncio.create_task(channel.homes.find("resp_1"))
        await channel.until(1)
        channel.homes.told(Told(1, written))
        assert await finding is None

    scenario(test)()


@scenario
async def test_a_store_that_is_away(channel: Channel) -> None:
    finding = asyncio.create_task(channel.homes.find("resp_1"))
    await channel.until(1)
    channel.homes.told(Told(1, b"", sure=False))
    with pytest.raises(Unsure):
        await finding


def test_a_control_plane_that_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(questions, "PATIENCE", 0.01)

    async def test(channel: Channel) -> None:
        with pytest.raises(Unsure):
            await channel.homes.find("resp_1")

    scenario(test)()


@scenario
async def test_what_finds_no_room_is_sent_when_there_is_some(channel: Channel) -> None:
    channel.room = False
    for number in range(3):
        channel.homes.made(f"resp_{number}", HOME)
    finding = asyncio.create_task(channel.homes.find("resp_x"))
    await asyncio.sleep(0.06)
    channel.room = True
    sent = await channel.until(4)
    made = [decode_made(message).name for kind, message in sent if kind is Kind.MADE]
    assert made == [name_of(f"resp_{number}") for number in range(3)]
    channel.homes.told(Told(1, encode(HOME)))
    assert await finding == HOME


def test_what_is_held_and_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(homes, "UNSENT", 2)
    monkeypatch.setattr(homes, "REMEMBERED", 2)

    async def test(channel: Channel) -> None:
        channel.room = False
        for number in range(4):
            channel.homes.made(f"resp_{number}", HOME)
        assert channel.lost == 2
        channel.room = True
        assert [await channel.homes.find(f"resp_{number}") for number in (2, 3)] == [HOME, HOME]
        finding = asyncio.create_task(channel.homes.find("resp_0"))
        await channel.until(3)
        finding.cancel()

    scenario(test)()
