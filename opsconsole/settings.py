"""Django's settings. Every value that an installation may choose comes from the environment, read here only."""

import os
from base64 import b64decode
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import django_stubs_ext
import environ
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured
from django.urls import reverse_lazy

from opsconsole import addresses, logs
from opsconsole.look import UNFOLD  # noqa: F401 -- django-unfold's setting
from opsconsole.version import VERSION

# `ModelAdmin[Job]` and the like are subscripted at run time.
django_stubs_ext.monkeypatch()

BASE_DIR = Path(__file__).resolve().parent.parent
# An empty variable counts as one that is not set, as in most shells' `${NAME:-default}`.
environ.Env.ENVIRON = {name: value for name, value in os.environ.items() if value}
env = environ.Env()


def required(name: str, meaning: str) -> str:
    """Return the environment variable `name`, or raise ImproperlyConfigured with a sentence that says what it is."""
    value = str(env.str(name, default=""))
    if not value:
        raise ImproperlyConfigured(f"The environment variable {name} is missing: {meaning}.")
    return value


# --- the installation ---------------------------------------------------------------------------------------------

SECRET_KEY = required("OPS_SECRET_KEY", "a long random string that signs sessions and cursors")
DEBUG = env.bool("OPS_DEBUG", default=False)
DEMO = env.bool("OPS_DEMO", default=False)
ALLOWED_HOSTS = env.list("OPS_ALLOWED_HOSTS", default=["127.0.0.1", "localhost", "[::1]"])
# The group of the users that stand for those of the core, whose sessions the front end's server forwards.
CORE_USERS_GROUP = env.str("OPS_CORE_USERS_GROUP", default="Ops operators")
CSRF_TRUSTED_ORIGINS = env.list("OPS_CSRF_TRUSTED_ORIGINS", default=[])

# --- database -----------------------------------------------------------------------------------------------------

# The console's own tables live in a schema of their own, so that the core's migrations never see them; the core's
# tables are found behind it on the search path.
DATABASE_SCHEMA = env.str("OPS_DATABASE_SCHEMA", default="opsconsole")
CORE_SCHEMA = env.str("OPS_CORE_SCHEMA", default="public")
DATABASE_POOL_SIZE = env.int("OPS_DATABASE_POOL_SIZE", default=0)

_database = addresses.database(
    "DATABASE_URL",
    required("DATABASE_URL", "where the core's PostgreSQL database is, as postgres://user:password@host:port/name"),
    session=True,
)
# The session settings in the address itself. Some providers and poolers need them to find the database.
DATABASE_URL_OPTIONS = _database.pop("options", "")
_server = {name.upper(): _database.pop(name, "") for name in ("user", "password", "host", "port")}
_options: dict[str, Any] = {
    "application_name": "opsconsole",
    "connect_timeout": 3,
    **{name: value for name, value in _database.items() if name != "dbname"},
    "options": addresses.session_options(DATABASE_URL_OPTIONS, schema=DATABASE_SCHEMA, core_schema=CORE_SCHEMA),
}
if DATABASE_POOL_SIZE:
    # `timeout`: how long (seconds) a request waits for a connection before it is answered with a 503.
    _options["pool"] = {"min_size": 1, "max_size": DATABASE_POOL_SIZE, "timeout": 3}
DATABASES: dict[str, dict[str, Any]] = {
    "default": {
        **_server,
        "NAME": _database.get("dbname", ""),
        "ENGINE": "django.db.backends.postgresql",
        "OPTIONS": _options,
        "CONN_HEALTH_CHECKS": True,
        # Seconds. The pool keeps connections for the web processes; workers keep their own, or each task would wait for
        # a new one.
        "CONN_MAX_AGE": 0 if DATABASE_POOL_SIZE else 600,
        "ATOMIC_REQUESTS": False,
        "DISABLE_SERVER_SIDE_CURSORS": True,
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- Celery -------------------------------------------------------------------------------------------------------

CELERY_BROKER_URL = required("CELERY_BROKER_URL", "the Redis that the core's Celery worker listens on")
addresses.check_redis("CELERY_BROKER_URL", CELERY_BROKER_URL, reader="broker")
# Where the core's worker leaves its results; a Redis database of its own, not the console's result back end.
CORE_RESULT_BACKEND = env.str("CORE_RESULT_BACKEND", default="")
if CORE_RESULT_BACKEND:
    addresses.check_redis("CORE_RESULT_BACKEND", CORE_RESULT_BACKEND, reader="results")
# Celery prefers these variables to any setting. In the core's environment, they belong to the core's own Celery.
for _name in ("CELERY_RESULT_BACKEND", "CELERY_BROKER_READ_URL", "CELERY_BROKER_WRITE_URL"):
    os.environ.pop(_name, None)
CELERY_RESULT_BACKEND = "opsconsole.result_backend:RedactedDatabaseBackend"
CELERY_RESULT_EXTENDED = True
CELERY_TASK_TRACK_STARTED = True
CELERY_TASK_DEFAULT_QUEUE = "opsconsole"
CELERY_TASK_CREATE_MISSING_QUEUES = True
CELERY_TASK_SERIALIZER = CELERY_RESULT_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = CELERY_RESULT_ACCEPT_CONTENT = ["json"]
CELERY_TASK_ACKS_LATE = False
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_BROKER_TRANSPORT_OPTIONS = {"socket_connect_timeout": 2, "socket_keepalive": True, "health_check_interval": 25}
CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"
# Beat writes down each run at once (its default is every three minutes), so that pages know what ran and what comes
# next, and looks for changed schedules every second, so that a change that somebody has made shows.
CELERY_BEAT_SYNC_EVERY = 1
CELERY_BEAT_MAX_LOOP_INTERVAL = 1
CELERY_TIMEZONE = "UTC"
DJANGO_CELERY_BEAT_TZ_AWARE = True

# Job types that this installation adds to the catalog or maps to other tasks; see jobs/catalog.py for the keys.
JOB_TYPES: dict[str, dict[str, Any]] = env.json("OPS_JOB_TYPES", default={})

# Modules with tasks of this installation's own, beside the applications' `tasks`; the console's workers load them.
CELERY_IMPORTS = env.list("OPS_TASK_MODULES", default=[])

# --- what the console keeps to ------------------------------------------------------------------------------------

# Seconds that a list may take with a filter that no index of the ledger carries.
SLOW_FILTER_TIMEOUT_SECONDS = env.float("OPS_SLOW_FILTER_TIMEOUT", default=3.0)
# Bytes of a request's body; the largest honest one (a hundred ids) has a few hundred.
DATA_UPLOAD_MAX_MEMORY_SIZE = 1_048_576
# A selection of a hundred rows and the filters of a page.
DATA_UPLOAD_MAX_NUMBER_FIELDS = 1_000

# Seconds after which a run that beat should have started counts as missed.
BEAT_GRACE_SECONDS = env.float("OPS_BEAT_GRACE", default=30.0)
# Seconds that a sync may take, and wait for a worker, before its identity counts as late: added to its deadlines.
SYNC_GRACE_SECONDS = env.float("OPS_SYNC_GRACE", default=60.0)
# An identity is late when no sync has succeeded for more than so many intervals of its schedule, and failing after
# more than so many.
SYNC_LATE_AFTER_INTERVALS = env.float("OPS_SYNC_LATE_AFTER_INTERVALS", default=1.0)
SYNC_FAILING_AFTER_INTERVALS = env.float("OPS_SYNC_FAILING_AFTER_INTERVALS", default=2.0)
# It is also failing when its last so many attempts failed, and a sync that runs longer than so many seconds is
# running too long.
SYNC_FAILING_AFTER_FAILURES = env.int("OPS_SYNC_FAILING_AFTER_FAILURES", default=2)
SYNC_LONG_AFTER_SECONDS = env.float("OPS_SYNC_LONG_AFTER", default=900.0)

# The verdict on the whole. Seconds that the oldest job may have been due and waiting.
QUEUE_AGE_WARNING_SECONDS = env.float("OPS_QUEUE_AGE_WARNING", default=300.0)
QUEUE_AGE_CRITICAL_SECONDS = env.float("OPS_QUEUE_AGE_CRITICAL", default=1_800.0)
# Jobs that may have failed for good within the last hour.
FAILURES_WARNING = env.int("OPS_FAILURES_WARNING", default=20)
FAILURES_CRITICAL = env.int("OPS_FAILURES_CRITICAL", default=100)
# Seconds for which a worker, and all sweepers, may not have been heard of; workers are asked every 30 seconds.
WORKER_SILENT_SECONDS = env.float("OPS_WORKER_SILENT", default=90.0)
SWEEPER_SILENT_SECONDS = env.float("OPS_SWEEPER_SILENT", default=120.0)

# Seconds that the jobs may take which are retried first, before all others that match.
CANARY_SECONDS = env.float("OPS_CANARY_SECONDS", default=900.0)

# --- metrics ------------------------------------------------------------------------------------------------------

# Who may read /metrics: whoever sends this token, and whoever calls from one of these addresses or networks. Without
# either nobody may.
METRICS_TOKEN = env.str("OPS_METRICS_TOKEN", default="")
METRICS_ALLOW = env.list("OPS_METRICS_ALLOW", default=[])
for _allowed in METRICS_ALLOW:
    try:
        ip_network(_allowed, strict=False)
    except ValueError as error:
        raise ImproperlyConfigured(f"OPS_METRICS_ALLOW holds {_allowed!r}, which is no address or network.") from error

# Who is told when the verdict changes, by a signed POST; without it nobody is.
WEBHOOK_URL = env.str("OPS_WEBHOOK_URL", default="")
WEBHOOK_SECRET = env.str("OPS_WEBHOOK_SECRET", default="")
if WEBHOOK_URL and not WEBHOOK_URL.startswith(("https://", "http://")):
    raise ImproperlyConfigured("OPS_WEBHOOK_URL must begin with https:// or http://.")
if WEBHOOK_URL and not WEBHOOK_SECRET:
    raise ImproperlyConfigured("OPS_WEBHOOK_URL is set but OPS_WEBHOOK_SECRET is not: every notice is signed with it.")

if WEBHOOK_SECRET.startswith("whsec_"):
    try:
        b64decode(WEBHOOK_SECRET.removeprefix("whsec_"), validate=True)
    except ValueError as error:
        raise ImproperlyConfigured("OPS_WEBHOOK_SECRET begins with whsec_, but what follows is no base64.") from error

# --- backups ------------------------------------------------------------------------------------------------------

# Where backups are kept; without it there are none.
BACKUP_DIR = env.str("OPS_BACKUP_DIR", default="")
# What the core has downloaded; without it only the database is backed up.
ATTACHMENTS_DIR = env.str("OPS_ATTACHMENTS_DIR", default="")
# A role that may read everything, and one that may create databases, on the server where backups are tried out.
BACKUP_DATABASE_URL = env.str("BACKUP_DATABASE_URL", default="")
RESTORE_DATABASE_URL = env.str("RESTORE_DATABASE_URL", default="")
for _name, _address in (("BACKUP_DATABASE_URL", BACKUP_DATABASE_URL), ("RESTORE_DATABASE_URL", RESTORE_DATABASE_URL)):
    if _address:
        addresses.database(_name, _address)
# The folder of pg_dump and pg_restore; without it they are looked for.
PG_BIN_DIR = env.str("OPS_PG_BIN_DIR", default="")
# A backup's file is deleted once there are more than so many newer ones of its kind, and it is older than so many days.
BACKUP_KEEP = env.int("OPS_BACKUP_KEEP", default=7)
BACKUP_KEEP_DAYS = env.float("OPS_BACKUP_KEEP_DAYS", default=14.0)
# Hours after which the last backup is too old, and days after which the last restore test is.
BACKUP_MAX_AGE_HOURS = env.float("OPS_BACKUP_MAX_AGE_HOURS", default=26.0)
RESTORE_TEST_MAX_AGE_DAYS = env.float("OPS_RESTORE_TEST_MAX_AGE_DAYS", default=8.0)
# Percent of the disk in use from which on it counts as nearly full.
BACKUP_DISK_FULL_PERCENT = env.float("OPS_BACKUP_DISK_FULL_PERCENT", default=90.0)
# How many attachments a restore test compares, others each time.
ATTACHMENTS_SAMPLE = env.int("OPS_ATTACHMENTS_SAMPLE", default=50)

# Where a process is to kill itself, for proving that it loses nothing there; see opsconsole/failpoints.py.
FAILPOINT = env.str("OPS_FAILPOINT", default="")

# --- Django -------------------------------------------------------------------------------------------------------

INSTALLED_APPS = [
    "unfold",
    "unfold.contrib.filters",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "rest_framework",
    "rest_framework.authtoken",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_filters",
    "django_celery_beat",
    "django_celery_results",
    "csp",
    "axes",
    "opsconsole",
    "jobs",
    "identities",
    "backups",
    "notices",
]
MIDDLEWARE = [
    "opsconsole.middleware.RequestLogMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "opsconsole.middleware.DatabaseUnavailableMiddleware",
    "opsconsole.middleware.MalformedCookieMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "opsconsole.content_security.AdminContentSecurityPolicyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    # Last, as its manual says: it turns a login that is not to be tried into its answer.
    "axes.middleware.AxesMiddleware",
]
ROOT_URLCONF = "opsconsole.urls"
WSGI_APPLICATION = "opsconsole.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "opsconsole" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
# The first only refuses whoever has failed too often.
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "opsconsole.permissions.SingleQueryBackend"]
PROXIES = env.int("OPS_PROXIES", default=0)
# So many failed logins of one name from one address, and it is not let try for so many minutes.
AXES_FAILURE_LIMIT = env.int("OPS_LOGIN_FAILURES", default=10)
AXES_COOLOFF_TIME = timedelta(minutes=env.float("OPS_LOGIN_PAUSE_MINUTES", default=15.0))
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
# Whoever goes on trying meanwhile doesn't make the pause longer for the one whose name it is.
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_LOCKOUT_CALLABLE = "opsconsole.views.login_locked"
AXES_CLIENT_IP_CALLABLE = "opsconsole.client_address.login_address"
# What somebody types for a name may be a password: it is neither logged nor shown.
AXES_DISABLE_ACCESS_LOG = True
AXES_ENABLE_ADMIN = False
AXES_VERBOSE = False
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
LOGIN_URL = reverse_lazy("admin:login")
LOGIN_REDIRECT_URL = reverse_lazy("admin:index")

CACHE_URL = env.str("OPS_CACHE_URL", default="")
if CACHE_URL:
    addresses.check_redis("OPS_CACHE_URL", CACHE_URL, reader="cache")
    CACHES = {
        "default": {
            "BACKEND": "opsconsole.cache.OptionalRedisCache",
            # A list, because Django splits a string at commas and semicolons, even inside a password.
            "LOCATION": [CACHE_URL],
            "KEY_PREFIX": "opsconsole",
            "OPTIONS": {"socket_connect_timeout": 0.5, "socket_timeout": 0.5},
        }
    }
    SESSION_ENGINE = "django.contrib.sessions.backends.cached_db"
else:
    # Without a cache that all processes share, a session cached in one would outlive its end in another.
    CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    SESSION_ENGINE = "django.contrib.sessions.backends.db"
SESSION_COOKIE_NAME = "opsconsole_session"  # the core's own cookie is called `session`
SESSION_COOKIE_AGE = 60 * 60 * 12
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_NAME = "opsconsole_csrf"
CSRF_FAILURE_VIEW = "opsconsole.views.csrf_failure"
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = False
USE_THOUSAND_SEPARATOR = False

# Both spellings of a path are routed; a redirect would turn a POST into a GET.
APPEND_SLASH = False

STATIC_URL = "/static/"
STATIC_ROOT = Path(env.str("OPS_STATIC_ROOT", default=str(BASE_DIR / ".data" / "static")))
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
WHITENOISE_MANIFEST_STRICT = False

# --- security -----------------------------------------------------------------------------------------------------

X_FRAME_OPTIONS = "DENY"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
# What the admin's pages are granted beyond it is in opsconsole/content_security.py.
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "object-src": [NONE],
        "base-uri": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}
if env.bool("OPS_SECURE", default=False):
    # Everything is served over HTTPS behind a proxy that sets X-Forwarded-Proto.
    SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True
    SECURE_SSL_REDIRECT = True
    # The front end's server and the machines that watch over us call over plain internal HTTP.
    SECURE_REDIRECT_EXEMPT = [r"^ops(/|$)", r"^conversations/", r"^healthz/?$", r"^readyz/?$", r"^metrics/?$"]
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_HSTS_SECONDS = env.int("OPS_HSTS_SECONDS", default=31_536_000)
    SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    SECURE_HSTS_PRELOAD = True

# --- the API ------------------------------------------------------------------------------------------------------

REST_FRAMEWORK = {
    # Token first: it is the one whose challenge makes an unknown caller's answer a 401.
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "rest_framework.authentication.TokenAuthentication",
        "opsconsole.api.admin_session.AdminSessionAuthentication",
        "opsconsole.api.core_session.CoreSessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["opsconsole.api.permissions.HasOperationPermission"],
    "DEFAULT_PARSER_CLASSES": ["opsconsole.api.parsing.BoundedJSONParser"],
    "DEFAULT_RENDERER_CLASSES": [
        "opsconsole.api.rendering.ORJSONRenderer",
        "opsconsole.api.rendering.BrowsableAPIRenderer",
    ],
    "DEFAULT_METADATA_CLASS": "opsconsole.api.metadata.OpsMetadata",
    "DEFAULT_SCHEMA_CLASS": "opsconsole.api.schema.OpsAutoSchema",
    "EXCEPTION_HANDLER": "opsconsole.api.errors.exception_handler",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
    "URL_FORMAT_OVERRIDE": None,
}

# --- logging ------------------------------------------------------------------------------------------------------

LOGGING_CONFIG = "opsconsole.logs.configure"
LOGGING = logs.configuration(
    level=env.str("OPS_LOG_LEVEL", default="INFO"), style=env.str("OPS_LOG_FORMAT", default="console")
)

# The description that is kept in opsconsole/api/openapi.json: `manage.py describe_api` writes it anew.
SPECTACULAR_SETTINGS = {
    "TITLE": "opsconsole",
    "DESCRIPTION": "An operations console for an application that does its work with Celery.\n\n"
    "Every answer is JSON, or has no body (304). Only what never reaches the console is not: the web server itself "
    "answers an address of more than 8,190 bytes with 414, and a header that it can't read with 400 or 431, as text.",
    "VERSION": VERSION,
    "OAS_VERSION": "3.1.1",
    "SERVE_INCLUDE_SCHEMA": False,
    "POSTPROCESSING_HOOKS": ["opsconsole.api.schema.tidy"],
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "COMPONENT_SPLIT_REQUEST": True,
}
