"""The table of static files, drawn up once a process. WhiteNoise draws it up whenever a handler is made, and each
`django.test.Client` makes one; the files are the same ones, and they are found and served by the product's own settings."""

from whitenoise.middleware import WhiteNoiseMiddleware
from whitenoise.responders import StaticFile

_draw_up = WhiteNoiseMiddleware.add_files_from_finders
# By what stands in an entry beside the file itself.
_drawn: dict[tuple[str, int | None], dict[str, StaticFile]] = {}


def install() -> None:
    WhiteNoiseMiddleware.add_files_from_finders = share_files_from_finders


def share_files_from_finders(middleware: WhiteNoiseMiddleware) -> None:
    key = (middleware.static_prefix, middleware.max_age)
    if key not in _drawn:
        own, middleware.files = middleware.files, {}
        _draw_up(middleware)
        _drawn[key], middleware.files = middleware.files, own
    middleware.files.update(_drawn[key])
