"""Django's own WSGI application: everything but waiting."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "aiops_site.settings")
application = get_wsgi_application()
