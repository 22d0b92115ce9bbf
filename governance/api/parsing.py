"""Bodies: I-JSON only, of a bounded size, in the one media type that the API reads."""

from typing import IO, Any

from django.conf import settings
from django.http import HttpRequest
from rest_framework.parsers import BaseParser

from governance.canonical import InvalidJson, parse_ijson
from governance.errors import Malformed, TooLarge, UnsupportedMediaType


def read_body(request: HttpRequest, *, limit: int = settings.LARGEST_BODY) -> Any:
    """The parsed body of a request. Refuses other media types (415), more than `limit` bytes (413) and what is not
    I-JSON (400)."""
    media_type = request.META.get("CONTENT_TYPE", "").split(";")[0].strip().lower()
    if media_type != "application/json":
        raise UnsupportedMediaType("Send Content-Type: application/json.")
    refuse_coding(request.META.get("HTTP_CONTENT_ENCODING", ""))
    if int(request.META.get("CONTENT_LENGTH") or 0) > limit:
        raise TooLarge(f"The body may have {limit:,} bytes at the most.")
    body = request.body
    if len(body) > limit:
        raise TooLarge(f"The body may have {limit:,} bytes at the most.")
    return parse_bytes(body)


def refuse_coding(coding: str) -> None:
    """Refuses (415) a compressed body (RFC 9110, 8.4): nothing is read as something else than it says it is."""
    if coding.strip().lower() not in {"", "identity"}:
        raise UnsupportedMediaType("Send the body as it is, without Content-Encoding.")


def parse_bytes(body: bytes) -> Any:
    try:
        return parse_ijson(body)
    except InvalidJson as error:
        raise Malformed(error.detail) from error


class IJsonParser(BaseParser):
    """The REST framework's way to the same rules."""

    media_type = "application/json"

    def parse(self, stream: IO[bytes], media_type: str | None = None, parser_context: Any = None) -> Any:
        request = (parser_context or {}).get("request")
        if request is not None:
            refuse_coding(request.META.get("HTTP_CONTENT_ENCODING", ""))
        body = stream.read(settings.LARGEST_BODY + 1)
        if len(body) > settings.LARGEST_BODY:
            raise TooLarge(f"The body may have {settings.LARGEST_BODY:,} bytes at the most.")
        if not body:
            return {}
        parsed = parse_bytes(body)
        if not isinstance(parsed, dict):
            raise Malformed("The body must be a JSON object.")
        return parsed
