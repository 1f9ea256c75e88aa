"""Only who has the token is who they say; nobody is nobody, whatever they send."""

from __future__ import annotations

import pytest

from diclam.errors import ConfigError, RunError
from diclam.tokens import MAX_TOKEN, has_admin, hashed, is_admin, new_token, owner_of, same


def test_a_token_is_known_by_its_hash_alone() -> None:
    mine, yours = new_token(), new_token()
    assert same(hashed(mine), mine)
    for other in (yours, hashed(mine), mine.upper() + " ", [mine], None):
        assert not same(hashed(mine), other)


@pytest.mark.parametrize("nobody", ["", None, 3, [], "x" * (MAX_TOKEN + 1)])
def test_what_is_no_token_has_no_hash_and_owns_nothing(nobody: object) -> None:
    assert hashed(nobody) == ""
    assert not same("", nobody)


def test_a_server_without_an_owner_has_no_admin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DICLAM_ADMIN_TOKEN", raising=False)
    assert not has_admin()
    assert not any(is_admin(token) for token in ("", None, "admin"))
    monkeypatch.setenv("DICLAM_ADMIN_TOKEN", "the owner")
    assert [is_admin(token) for token in ("the owner", "the owner ", "")] == [True, False, False]


def test_an_owner_is_known_by_what_a_browser_shows_and_by_nothing_else() -> None:
    mine = new_token()
    assert owner_of(mine) == hashed(mine)
    for nobody in ("", None, 3, [mine], mine[1:], mine + "0", mine + "\n", mine.upper() + "A", "x" * 32, "٣" * 32):
        with pytest.raises(RunError, match="reload the page"):
            owner_of(nobody)


@pytest.mark.parametrize(("secret", "fine"), [("x" * 7, False), ("x" * 8, True), ("x" * 200, True), ("x" * 201, False)])
def test_a_secret_of_a_possible_length_is_taken(monkeypatch: pytest.MonkeyPatch, secret: str, fine: bool) -> None:
    monkeypatch.setenv("DICLAM_ADMIN_TOKEN", secret)
    if fine:
        assert has_admin()
        assert is_admin(secret)
    else:
        with pytest.raises(ConfigError, match=f"8 to 200 characters; got {len(secret)}"):
            has_admin()
