"""Whatever goes wrong, those who wait are looked after."""

from __future__ import annotations

import logging

import pytest

from demo import supervisor
from diclam import housekeeping
from diclam.errors import RunError
from diclam.waiting import Queue


@pytest.mark.parametrize("error", [RunError("the ledger cannot be read"), ValueError("a bug")])
def test_what_cannot_be_tidied_is_logged(
    error: Exception, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        raise error

    monkeypatch.setattr(housekeeping, "tidy", fail)
    with caplog.at_level(logging.WARNING):
        supervisor.tidy()
    assert str(error) in caplog.text


def test_the_queue_is_looked_after_each_second_and_the_folder_each_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    did, now = [], [0.0]

    class Enough(Exception):  # noqa: N818
        pass

    def sleep(seconds: float) -> None:
        now[0] += seconds
        if now[0] >= 130:
            raise Enough

    monkeypatch.setattr(supervisor.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(supervisor.time, "sleep", sleep)
    monkeypatch.setattr(supervisor, "look", lambda queue: did.append("look") or "")
    monkeypatch.setattr(supervisor, "tidy", lambda: did.append("tidy"))
    with pytest.raises(Enough):
        supervisor._look_after(Queue(None))
    assert (did.count("look"), did.count("tidy")) == (130, 3)
