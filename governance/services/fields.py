"""What every verb asks of the words it is given, whether they come from a form, a command or a request."""

import re
import unicodedata

from django.core.exceptions import ValidationError
from django.core.validators import EmailValidator

from governance.errors import Invalid

SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
LONGEST_SLUG = 63


def refuse_field(name: str, detail: str) -> Invalid:
    """The refusal of one field, with its JSON Pointer."""
    return Invalid(detail, errors=[{"pointer": f"/{name}", "detail": detail}])


def read_text(text: str, *, field: str, limit: int, is_required: bool = True, is_multiline: bool = False) -> str:
    """Trimmed text of at most `limit` characters. Refuses (Invalid) control characters and halves of characters, which
    neither database nor log can hold, and emptiness where the field is required."""
    trimmed = text.strip()
    allowed = "\n\r\t" if is_multiline else ""
    if any(unicodedata.category(sign) in {"Cc", "Cs"} and sign not in allowed for sign in trimmed):
        raise refuse_field(field, "This holds characters that can't be shown.")
    if is_required and not trimmed:
        raise refuse_field(field, "This is required.")
    if len(trimmed) > limit:
        raise refuse_field(field, f"This may have {limit:,} characters at the most; it has {len(trimmed):,}.")
    return trimmed


def read_slug(text: str, *, field: str = "slug") -> str:
    """A short name for addresses: lower-case letters, digits, single hyphens between them; refuses (Invalid) others."""
    if len(text) > LONGEST_SLUG or not SLUG.fullmatch(text):
        raise refuse_field(
            field,
            f"Use lower-case letters, digits and single hyphens, {LONGEST_SLUG} at the most (for example mail-triage).",
        )
    return text


def read_email(text: str, *, field: str = "email") -> str:
    """An e-mail address in lower case, as accounts are kept; refuses (Invalid) what isn't one."""
    address = read_text(text, field=field, limit=254).lower()
    try:
        EmailValidator()(address)
    except ValidationError as error:
        raise refuse_field(field, "This is not an e-mail address.") from error
    return address


def name_from_slug(slug: str) -> str:
    """The first name of something of which only the slug is known: "mail-triage" becomes "Mail triage"."""
    return slug.replace("-", " ").capitalize()
