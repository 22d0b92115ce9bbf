"""Reading settings from the environment; nonsense stops the process with a sentence instead of becoming a default."""

import os
import secrets
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured


def env_text(name: str, default: str = "") -> str:
    return os.environ.get(name, "").strip() or default


def env_bool(name: str, *, default: bool) -> bool:
    """`true/false`, `yes/no`, `on/off`, `1/0`; refuses anything else."""
    text = os.environ.get(name, "").strip().lower()
    if not text:
        return default
    if text in {"1", "true", "yes", "on"}:
        return True
    if text in {"0", "false", "no", "off"}:
        return False
    raise ImproperlyConfigured(f"{name} must be true or false, not {text!r}.")


def env_int(name: str, *, default: int, minimum: int, maximum: int) -> int:
    """A whole number within its bounds; refuses anything else."""
    text = os.environ.get(name, "").strip()
    if not text:
        return default
    if not text.lstrip("-").isdigit() or not minimum <= int(text) <= maximum:
        raise ImproperlyConfigured(f"{name} must be a whole number from {minimum} to {maximum}, not {text!r}.")
    return int(text)


def env_list(name: str, default: list[str]) -> list[str]:
    entries = [entry.strip() for entry in os.environ.get(name, "").split(",") if entry.strip()]
    return entries or default


def env_secret(name: str, *, generated_at: Path | None) -> str:
    """A secret of at least 32 characters. Where the variable is absent it is made once and kept in `generated_at`
    (mode 0600); where there is no such place either, refuses."""
    text = os.environ.get(name, "").strip()
    if text:
        if len(text) < 32:
            raise ImproperlyConfigured(f"{name} must have at least 32 characters.")
        return text
    if generated_at is None:
        raise ImproperlyConfigured(f"{name} must be set when DATABASE_URL is: every process needs the same one.")
    generated_at.parent.mkdir(parents=True, exist_ok=True)
    try:
        descriptor = os.open(generated_at, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return generated_at.read_text().strip()
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_urlsafe(48))
    return generated_at.read_text().strip()
