"""Numbers that the owner of a server sets."""

from __future__ import annotations

import pytest

from diclam.environment import number
from diclam.errors import ConfigError


def test_a_number_is_read_and_there_is_one_where_nothing_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DICLAM_TRIED", raising=False)
    assert number("DICLAM_TRIED", 7.5, 1, 10) == 7.5
    monkeypatch.setenv("DICLAM_TRIED", "2.5")
    assert number("DICLAM_TRIED", 7.5, 1, 10) == 2.5


@pytest.mark.parametrize("text", ["", "many", "nan", "inf", "0.5", "11"])
def test_what_is_no_possible_number_is_a_sentence(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("DICLAM_TRIED", text)
    with pytest.raises(ConfigError, match="DICLAM_TRIED must be a number of seconds, 1 to 10; got"):
        number("DICLAM_TRIED", 7.5, 1, 10, "seconds")
