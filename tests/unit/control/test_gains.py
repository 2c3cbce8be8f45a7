"""Thresholds of gains in the control plane: who is told of them, and when they begin anew."""

from __future__ import annotations

import contextlib
import random
import socket

import msgspec
import pytest

from gateway.channel.link import Kind, Link, pair
from gateway.channel.thresholds import decode
from gateway.control import gains as module
from gateway.control.gains import Gains
from routing.difficulty.estimate import ModelEstimator
from routing.difficulty.model import read_model
from routing.difficulty.thresholds import first_thresholds
from routing.snapshot import Difficulty, Snapshot
from tests.support import models
from tests.support.event_log import exposure, line
from tests.unit.routing.made import route, snapshot

TRAINED = ModelEstimator(read_model(models.model(quantiles=tuple(range(1000, 2024, 8)))))
OTHER = ModelEstimator(read_model(models.model(intercept=7.0)))


def table(estimator: ModelEstimator | None = TRAINED, *tops: int) -> Snapshot:
    if estimator is None:
        return snapshot(route(difficulty=Difficulty()))
    thresholds = first_thresholds(estimator, tops)
    difficulty = Difficulty(estimator=estimator, gains=tops, thresholds=thresholds)
    return snapshot(route(difficulty=difficulty))


class Kept(Gains):
    """Remembers what it adjusted."""

    def __init__(self, *tops: int) -> None:
        self.adjusted: list[object] = []
        super().__init__(self.adjusted.append)
        self.take(table(TRAINED, *tops))

    def came(self, *figures: float, task: str = "order") -> None:
        """Requests with these figures have ended."""
        self.add(line(), [exposure(task=task, figure=figure) for figure in figures])
        self.look()


def read(end: socket.socket) -> list[object]:
    """What a worker has been sent: each message is one packet, behind two bytes of the link's own."""
    messages = []
    with contextlib.suppress(BlockingIOError):
        while packet := end.recv(1 << 16):
            assert packet[0] == Kind.THRESHOLDS
            messages.append(decode(packet[2:]))
    return messages


def test_the_threshold_follows_what_comes() -> None:
    kept = Kept(2_000)
    assert kept.told == {}
    drawn = random.Random(3)
    for _ in range(40):
        kept.came(*(drawn.uniform(100, 200) for _ in range(15)))
    hash, thresholds = kept.told["solver"]
    assert hash == TRAINED.hash and 160 < thresholds["order", 2_000] < 200
    assert kept.adjusted[-1] == kept.told


def test_nothing_is_told_where_nothing_has_moved() -> None:
    kept = Kept()
    kept.came(1.0, 2.0)
    kept.came(1.0, 2.0, task="")
    kept.add(line(route="elsewhere"), [exposure(task="order", figure=1.0)])
    kept.look()
    assert kept.adjusted == [] and kept.told == {}


def test_another_model_begins_anew_and_the_same_goes_on() -> None:
    kept = Kept(2_000)
    kept.came(*[1.0] * 60)
    before = kept.told
    kept.take(table(TRAINED, 2_000))
    assert kept.told == before
    kept.take(table(TRAINED, 1_000))
    assert kept.told == {}, "nobody asks for the old share any more"
    kept.came(5.0)
    assert list(kept.told["solver"][1]) == [("order", 1_000)]
    kept.take(table(OTHER, 1_000))
    assert kept.told == {} and list(kept.drifts()) == []
    kept.take(table(None))
    kept.came(5.0)
    assert kept.told == {}


def test_workers_that_live_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(module, "monotonic", lambda: now)
    ends = [pair() for _ in range(3)]
    alive, silent, late = (Link(ours) for ours, _ in ends)
    kept = Kept(2_000)
    kept.heard(alive)
    kept.heard(silent)
    now += module.SILENCE + 1
    kept.heard(alive)
    kept.came(1.0)
    kept.heard(late)
    kept.heard(late)
    told = kept.told
    assert [read(theirs) for _, theirs in ends] == [[told], [], [told]]
    kept.heard(silent)
    assert read(ends[1][1]) == [told], "only now that it speaks again"
    for end in (*ends[0], *ends[1], *ends[2]):
        end.close()


def test_drift_is_the_distance_from_training() -> None:
    kept = Kept(2_000)
    kept.came(*[1500.0] * (module.ENOUGH - 1))
    assert list(kept.drifts()) == []
    kept.came(*[1e6] * 300)
    assert [(each.route, each.task, each.distance) for each in kept.drifts()] == [("solver", "order", 1.0)]
    kept.came(*(1000.0 + at * 1024 / 300 for at in range(300)))
    (drift,) = kept.drifts()
    assert drift.distance < 0.05


def test_an_exposure_without_a_figure_is_as_it_was() -> None:
    written = msgspec.to_builtins(exposure())
    assert written[-3:] == ["", 0.0, ""]
