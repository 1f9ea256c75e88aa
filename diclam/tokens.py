"""Who asks: each visitor's browser shows a random text of its own, and so does the owner's; only their hashes are kept."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets

MAX_TOKEN = 200


def new_token() -> str:
    """What a visitor's browser shows to prove that a run is its own."""
    return secrets.token_hex(16)


def hashed(token: object) -> str:
    """What is kept of a token: its SHA-256, as a random text of 128 bits needs no salt; '' of anything that is no token."""
    if not isinstance(token, str) or not 0 < len(token) <= MAX_TOKEN:
        return ""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def same(owner: str, token: object) -> bool:
    """Whether `owner` is the hash of this token. Nobody has no token: an unknown owner is like none."""
    return bool(owner) and hmac.compare_digest(owner, hashed(token))


def is_admin(token: object) -> bool:
    """Whether this is the server's owner: the token that DICLAM_ADMIN_TOKEN holds, if it holds one."""
    return same(hashed(os.environ.get("DICLAM_ADMIN_TOKEN")), token)
