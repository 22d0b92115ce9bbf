"""Addresses of channels are secrets: they stand in the database sealed, and whoever has the database alone can't read them."""

from __future__ import annotations

import base64
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

PURPOSE = b"countersign channel addresses v1"


class SealBroken(Exception):
    """It was sealed with another secret key, or changed since."""


def seal(text: str) -> str:
    return _fernet(settings.SECRET_KEY).encrypt(text.encode()).decode()


def unseal(sealed: str) -> str:
    """Refuses (SealBroken) what this installation's secret key does not open."""
    try:
        return _fernet(settings.SECRET_KEY).decrypt(sealed.encode()).decode()
    except InvalidToken as error:
        raise SealBroken("The secret key of this installation has changed; enter the address again.") from error


@lru_cache(maxsize=4)
def _fernet(secret: str) -> Fernet:
    """Fernet (AES-128-CBC with HMAC-SHA256) under a key for this purpose alone, by HKDF-SHA256 (RFC 5869)."""
    key = HKDF(algorithm=SHA256(), length=32, salt=None, info=PURPOSE).derive(secret.encode())
    return Fernet(base64.urlsafe_b64encode(key))
