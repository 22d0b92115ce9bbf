"""How the API's schema names the ways to say who is asking; the schema's generator finds this class by its import."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension


class TokenOrSessionScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """An API key or a personal access token as a bearer, or the session of somebody who is signed in."""

    target_class = "governance.api.authentication.TokenOrSession"
    name = ["bearer", "session"]

    def get_security_definition(self, auto_schema: Any) -> list[dict[str, Any]]:
        bearer = "An API key of an AI system (`cs_live_…`, `cs_test_…`) or a person's access token (`cs_pat_…`)."
        session = "The console's session; changes also need the header `X-CSRFToken`."
        return [
            {"type": "http", "scheme": "bearer", "description": bearer},
            {"type": "apiKey", "in": "cookie", "name": "sessionid", "description": session},
        ]
