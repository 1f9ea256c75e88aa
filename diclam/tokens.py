"""Who asks: each visitor's browser shows a random text of its own, of which only the hash is kept.

The server's owner shows a secret of theirs beside it. A person chose that, so not even its hash is kept: what the owner
starts belongs to their browser, as everybody's does.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets

from diclam.errors import ConfigError, RunError

MIN_SECRET, MAX_TOKEN = 8, 200
ADMIN = "the owner of this server"
"""What is kept in place of a hash where the server's owner did something to what is another's."""


def new_token() -> str:
    """What a visitor's browser shows to prove that a run is its own."""
    return secrets.token_hex(16)


def hashed(token: object) -> str:
    """What is kept of a token: its SHA-256, as a random text of 128 bits needs no salt; '' of anything that is no token."""
    if not isinstance(token, str) or not 0 < len(token) <= MAX_TOKEN:
        return ""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def owner_of(token: object) -> str:
    """The hash of a visitor's token, to own something by. Raises RunError for what no page sends: nobody could change later
    what nobody owns, and no limit of one visitor would hold."""
    if not isinstance(token, str) or not re.fullmatch(r"[0-9a-f]{32}", token):
        raise RunError("Your browser did not say whose this is to be; reload the page, and try again.")
    return hashed(token)


def same(owner: str, token: object) -> bool:
    """Whether `owner` is the hash of this token. Nobody has no token: an unknown owner is like none."""
    return bool(owner) and hmac.compare_digest(owner, hashed(token))


def is_admin(token: object) -> bool:
    """Whether this is the server's owner: the token that DICLAM_ADMIN_TOKEN holds, if it holds one."""
    return same(hashed(os.environ.get("DICLAM_ADMIN_TOKEN")), token)


def has_admin() -> bool:
    """Whether this server has an owner. Raises ConfigError when their token is too short to be a secret, or too long to be
    one at all."""
    length = len(os.environ.get("DICLAM_ADMIN_TOKEN", ""))
    if length and not MIN_SECRET <= length <= MAX_TOKEN:
        raise ConfigError(f"DICLAM_ADMIN_TOKEN must have {MIN_SECRET} to {MAX_TOKEN} characters; got {length}.")
    return bool(length)
