"""Only who has the token is who they say; nobody is nobody, whatever they send."""

from __future__ import annotations

import pytest

from diclam.tokens import MAX_TOKEN, hashed, is_admin, new_token, same


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
    assert not any(is_admin(token) for token in ("", None, "admin"))
    monkeypatch.setenv("DICLAM_ADMIN_TOKEN", "the owner")
    assert [is_admin(token) for token in ("the owner", "the owner ", "")] == [True, False, False]
