"""What every page of the console shows around its content: the rail, the organization, the person."""

from typing import Any

from django.http import HttpRequest


def console(request: HttpRequest) -> dict[str, Any]:
    """The context of templates/base.html; empty for somebody who isn't signed in."""
    return {}
