"""The ASGI application that a server loads: Django's WSGI application behind the bridge, with its waiting room."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "aiops_site.settings")

from django.conf import settings

# Sets Django up, which what follows needs.
from aiops_site.wsgi import application as wsgi  # isort: split

from aiops_site.waiting_room import Site
from reviews.waiting import WaitingRoom

application = Site(wsgi, threads=settings.WEB_THREADS, room=WaitingRoom(poll_s=settings.WAIT_POLL_MS / 1000))
