"""A report's document as a file: its exact bytes, with the hash that stands in the audit log."""

from __future__ import annotations

import base64

from django.http import HttpResponse


def answer_document(text: str, sha256: str, name: str) -> HttpResponse:
    """`Repr-Digest` (RFC 9530) and the entity tag hold the SHA-256 of the bytes."""
    response = HttpResponse(text.encode(), content_type="application/json")
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["Repr-Digest"] = f"sha-256=:{base64.b64encode(bytes.fromhex(sha256)).decode()}:"
    response["ETag"] = f'"{sha256}"'
    return response
