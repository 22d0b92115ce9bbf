"""The one settings module. Every variable it reads stands in docs/reference/settings.md; a test holds the two together."""

from pathlib import Path
from typing import Any

import dj_database_url
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from aiops_site.environment import env_bool, env_int, env_list, env_secret, env_text

BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = Path(env_text("COUNTERSIGN_DATA_DIR", str(BASE_DIR / "var"))).resolve()
DATABASE_URL = env_text("DATABASE_URL")
REDIS_URL = env_text("REDIS_URL")
IS_EMBEDDED = not DATABASE_URL
if IS_EMBEDDED:
    DATA_DIR.mkdir(parents=True, exist_ok=True)

DEBUG = env_bool("COUNTERSIGN_DEBUG", default=False)
SECRET_KEY = env_secret("COUNTERSIGN_SECRET_KEY", generated_at=DATA_DIR / "secret_key" if IS_EMBEDDED else None)
BASE_URL = env_text("COUNTERSIGN_BASE_URL", "http://127.0.0.1:8000").rstrip("/")
if not BASE_URL.startswith(("http://", "https://")):
    raise ImproperlyConfigured("COUNTERSIGN_BASE_URL must begin with http:// or https://.")
IS_HTTPS = BASE_URL.startswith("https://")
ALLOWED_HOSTS = env_list("COUNTERSIGN_ALLOWED_HOSTS", ["127.0.0.1", "localhost", "[::1]"])
CSRF_TRUSTED_ORIGINS = [BASE_URL]

# ---------------------------------------------------------------- the house
INSTALLED_APPS = [
    "aiops_site",
    "governance",
    "reviews",
    "evaluations",
    "operations",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.humanize",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "csp",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_htmx",
    "template_partials",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "aiops_site.middleware.OutageMiddleware",
    "csp.middleware.CSPMiddleware",
    "aiops_site.middleware.ConsoleMiddleware",
]
# What only pages need; the API's hot path goes without (aiops_site/middleware.py).
CONSOLE_MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]
ROOT_URLCONF = "aiops_site.urls"
WSGI_APPLICATION = "aiops_site.wsgi.application"
TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "aiops_site.navigation.console",
            ],
        },
    },
]

# ---------------------------------------------------------------- data
# On SQLite: write-ahead log, and every commit reaches the disk before it is answered.
_SQLITE_OPTIONS = {
    "transaction_mode": "IMMEDIATE",
    "timeout": 20,
    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA busy_timeout=20000;",
}
_database: dict[str, Any] = dict(
    dj_database_url.parse(
        DATABASE_URL or f"sqlite:///{DATA_DIR / 'countersign.sqlite3'}", conn_max_age=None, conn_health_checks=False
    )
)
if "sqlite" in _database["ENGINE"]:
    _database["OPTIONS"] = _SQLITE_OPTIONS
elif "postgresql" not in _database["ENGINE"]:
    raise ImproperlyConfigured("DATABASE_URL must name a PostgreSQL or a SQLite database.")
else:
    # Statements of the hot path (governance/prepared.py) are planned once a connection; the ORM's are not touched.
    _database.setdefault("OPTIONS", {}).setdefault("prepare_threshold", 0)
DATABASES = {"default": _database}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DATA_UPLOAD_MAX_MEMORY_SIZE = 17 * 1024 * 1024
LARGEST_BODY = 1024 * 1024

# ---------------------------------------------------------------- people
AUTH_USER_MODEL = "governance.User"
LOGIN_URL = "sign-in"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "sign-in"
PASSWORD_RESET_TIMEOUT = 3 * 24 * 3600
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = IS_HTTPS
SECURE_SSL_REDIRECT = False
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if IS_HTTPS else None
SECURE_HSTS_SECONDS = 31536000 if IS_HTTPS else 0
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}

# ---------------------------------------------------------------- words and times
LANGUAGE_CODE = "en"
USE_I18N = False
USE_TZ = True
TIME_ZONE = "UTC"

# ---------------------------------------------------------------- files
STATIC_URL = "/static/"
STATIC_ROOT = DATA_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
# Served straight from the source folders: no collectstatic between a clone and the first page.
WHITENOISE_USE_FINDERS = True
WHITENOISE_MAX_AGE = 300

# ---------------------------------------------------------------- mail
EMAIL_URL = env_text("COUNTERSIGN_EMAIL_URL")
DEFAULT_FROM_EMAIL = env_text("COUNTERSIGN_FROM_EMAIL", "Countersign <countersign@localhost>")
if EMAIL_URL:
    from urllib.parse import unquote, urlsplit

    _mail = urlsplit(EMAIL_URL)
    if _mail.scheme not in {"smtp", "smtps"} or not _mail.hostname:
        raise ImproperlyConfigured("COUNTERSIGN_EMAIL_URL must look like smtp://user:password@host:port.")
    EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    EMAIL_HOST = _mail.hostname
    EMAIL_PORT = _mail.port or (465 if _mail.scheme == "smtps" else 587)
    EMAIL_HOST_USER = unquote(_mail.username or "")
    EMAIL_HOST_PASSWORD = unquote(_mail.password or "")
    EMAIL_USE_SSL = _mail.scheme == "smtps"
    EMAIL_USE_TLS = not EMAIL_USE_SSL and env_bool("COUNTERSIGN_EMAIL_STARTTLS", default=True)
    EMAIL_TIMEOUT = 20
else:
    EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    EMAIL_FILE_PATH = str(DATA_DIR / "outbox")

# ---------------------------------------------------------------- channels
ALLOW_PRIVATE_CHANNELS = env_bool("COUNTERSIGN_ALLOW_PRIVATE_CHANNELS", default=False)

# ---------------------------------------------------------------- serving
WEB_THREADS = env_int("COUNTERSIGN_THREADS", default=8, minimum=1, maximum=64)
WAIT_POLL_MS = env_int("COUNTERSIGN_WAIT_POLL_MS", default=100, minimum=10, maximum=5000)

# ---------------------------------------------------------------- tasks
# Rows are the truth and a task is a hint: a lost message costs one sweep, so the embedded default can do without a server.
BROKER_DIR = DATA_DIR / "broker"
CELERY_BROKER_URL = REDIS_URL or "folder://localhost"
CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, Any] = (
    # A broker can vanish without closing its connections; without a limit a command waits for it as long as TCP does.
    {"visibility_timeout": 3600, "socket_keepalive": True, "socket_connect_timeout": 5, "socket_timeout": 30}
    if REDIS_URL
    else {
        "data_folder_in": str(BROKER_DIR),
        "data_folder_out": str(BROKER_DIR),
        "control_folder": str(BROKER_DIR / "control"),
        "polling_interval": 0.1,
    }
)
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_PUBLISH_RETRY = False
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULE_FILENAME = str(DATA_DIR / "schedule")


def _every(seconds: float, task: str) -> dict[str, Any]:
    """A sweep; a message that nobody fetched before the next one is due is worthless."""
    return {"task": task, "schedule": seconds, "options": {"expires": max(seconds, 5)}}


CELERY_BEAT_SCHEDULE = {
    "heartbeat": _every(5, "governance.beat"),
    "sequence-audit-log": _every(1, "governance.sequence_audit_log"),
    "release-due-rulings": _every(1, "reviews.release_due_rulings"),
    "act-on-deadlines": _every(1, "reviews.act_on_deadlines"),
    "notify": _every(2, "reviews.notify"),
    "harvest-corrections": _every(5, "evaluations.harvest_corrections"),
    "watch-releases": _every(5, "evaluations.watch_releases"),
    "seal-due-versions": _every(60, "evaluations.seal_due_versions"),
    "roll-up": _every(2, "operations.roll_up"),
    "watch": _every(2, "operations.watch"),
    "watch-clock": _every(10, "operations.watch_clock"),
    "tend-incidents": _every(5, "operations.tend_incidents"),
    "deliver": _every(5, "operations.deliver"),
    "freeze-reports": _every(300, "operations.freeze_reports"),
    "reprice": _every(5, "operations.reprice"),
    "watch-budgets": _every(30, "operations.watch_budgets"),
}

# ---------------------------------------------------------------- API
REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["governance.api.authentication.TokenOrSession"],
    "DEFAULT_PERMISSION_CLASSES": [],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["governance.api.parsing.IJsonParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    # OPTIONS would describe serializers that ours are not; the schema says it all, so it is answered 405 with Allow.
    "DEFAULT_METADATA_CLASS": None,
    "DEFAULT_PAGINATION_CLASS": "governance.api.pagination.KeysetPagination",
    "DEFAULT_FILTER_BACKENDS": ["governance.api.filtering.StrictFilterBackend"],
    "EXCEPTION_HANDLER": "governance.api.problems.answer_exception",
    "UNAUTHENTICATED_USER": None,
    "PAGE_SIZE": 50,
}
SPECTACULAR_SETTINGS: dict[str, Any] = {
    "TITLE": "Countersign",
    "DESCRIPTION": "Ask before an AI acts; log what it did; rule on what is escalated.",
    "VERSION": "1.0.0",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "SERVE_PUBLIC": True,
    "SERVE_AUTHENTICATION": [],
    # Many things have a status or a kind; without names of ours they would be called by a hash of their values, which moves.
    "ENUM_NAME_OVERRIDES": {
        "PolicyVersionStatusEnum": "governance.models.PolicyVersion.Status",
        "DecisionStatusEnum": "reviews.models.Decision.Status",
        "EscalationKindEnum": "reviews.models.Escalation.Kind",
        "EscalationStatusEnum": "reviews.models.Escalation.Status",
        "ExampleSplitEnum": "evaluations.models.Example.Split",
        "ExampleStatusEnum": "evaluations.models.Example.Status",
        "RunSplitEnum": "evaluations.api.run_shapes.SPLITS",
        "RunStatusEnum": "evaluations.models.EvaluationRun.Status",
        "GateVerdictEnum": "evaluations.models.EvaluationRun.Verdict",
        "MonitorKindEnum": "operations.models.Monitor.Kind",
        "MonitorStatusEnum": "operations.models.Monitor.Status",
        "IncidentStatusEnum": "operations.models.Incident.Status",
        "ImprovementStatusEnum": "operations.models.ImprovementItem.Status",
    },
}

# ---------------------------------------------------------------- logs
LOG_LEVEL = env_text("COUNTERSIGN_LOG_LEVEL", "WARNING").upper()
if LOG_LEVEL not in {"DEBUG", "INFO", "WARNING", "ERROR"}:
    raise ImproperlyConfigured("COUNTERSIGN_LOG_LEVEL must be DEBUG, INFO, WARNING or ERROR.")
LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": LOG_LEVEL},
    "loggers": {"django.request": {"level": "ERROR"}, "django.security.DisallowedHost": {"level": "CRITICAL"}},
}
