"""Django settings. Values that differ between machines come from ``authsite.env``; this file says how they are used."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlsplit

import dj_database_url
from csp.constants import NONE, SELF

from authsite import embedded_redis
from authsite.env import PROJECT, read_environment
from authsite.keys import read_or_create_key

ENV = read_environment()
STATE_DIR = ENV.state_dir
DEBUG = ENV.debug
SECRET_KEY = ENV.secret_key or read_or_create_key(STATE_DIR / "keys" / "django.key")
ALLOWED_HOSTS = ENV.allowed_hosts
PUBLIC_URL = ENV.public_url
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]
HTTPS = urlsplit(PUBLIC_URL).scheme == "https"

INSTALLED_APPS = [
    "unfold",
    "unfold.contrib.filters",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "channels",
    "rest_framework",
    "knox",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "apps.audit",
    "apps.policies",
    "apps.access",
    "apps.identities",
    "apps.captures",
    "apps.enrollment",
    "apps.verification",
    "apps.messaging",
    "worker",
]

MIDDLEWARE = [
    "authsite.middleware.EventsFromWhere",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "authsite.content_security.PolicyOfThePage",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "authsite.operator_factor.OperatorsByFactor",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "authsite.middleware.ErrorsAsAnswers",
]

ROOT_URLCONF = "authsite.urls"
ASGI_APPLICATION = "authsite.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [PROJECT / "templates"],
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

# --- data -----------------------------------------------------------------------------------------
DATABASES = {"default": dj_database_url.parse(ENV.database_url, conn_max_age=0)}
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    STATE_DIR.mkdir(parents=True, exist_ok=True, mode=0o700)
    DATABASES["default"]["OPTIONS"] = {
        # A writer that starts as a reader cannot be queued by SQLite: take the write lock at BEGIN.
        "transaction_mode": "IMMEDIATE",
        "timeout": 5,
        # secure_delete: what is deleted is overwritten, not only let go of.
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON; PRAGMA secure_delete=ON;",
    }
else:
    DATABASES["default"].setdefault("OPTIONS", {})["pool"] = {"min_size": 1, "max_size": 8, "timeout": 5}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": STATE_DIR / "media"}},
    # Sealed biometrics only; never served by a URL.
    "sealed": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {
            "location": STATE_DIR / "sealed",
            "file_permissions_mode": 0o600,
            "directory_permissions_mode": 0o700,
        },
    },
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedStaticFilesStorage"},
}

# --- broker, cache, channel layer: one Redis --------------------------------------------------------
REDIS_URL = ENV.redis_url or embedded_redis.url(STATE_DIR)
CACHES = {
    "default": {
        "BACKEND": "django_redis.cache.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "cosmic",
        "OPTIONS": {
            "SOCKET_CONNECT_TIMEOUT": 2,
            "SOCKET_TIMEOUT": 2,
            # Not pickle: whoever can write to Redis must not run code here.
            "SERIALIZER": "django_redis.serializers.msgpack.MSGPackSerializer",
        },
    }
}
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [REDIS_URL], "prefix": "cosmic"},
    }
}
CELERY_BROKER_URL = embedded_redis.celery_url(REDIS_URL)
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 120,
    "socket_timeout": 5,
    "socket_connect_timeout": 2,
    "max_retries": 1,
}
CELERY_TASK_PUBLISH_RETRY = False
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TIMEZONE = "UTC"
CELERY_TASK_DEFAULT_QUEUE = "captures"
CELERY_TASK_ROUTES = {
    "worker.tasks.describe_preview": {"queue": "previews"},
    "worker.tasks.watch_reader": {"queue": "previews"},
    "worker.tasks.run_enrolment": {"queue": "enrolments"},
    "worker.tasks.rebuild_gallery": {"queue": "enrolments"},
    # A receiver that does not answer must not hold up captures.
    "worker.tasks.forward_audit_trail": {"queue": "enrolments"},
}
CELERY_BEAT_SCHEDULE = {
    "take-up-lost-work": {"task": "worker.tasks.take_up_lost_work", "schedule": 10.0},
    "sign-audit-trail": {"task": "worker.tasks.sign_audit_trail", "schedule": 3600.0},
    "forward-audit-trail": {"task": "worker.tasks.forward_audit_trail", "schedule": 10.0},
    "erase-expired": {"task": "worker.tasks.erase_expired", "schedule": 300.0},
    "delete-expired-messages": {"task": "worker.tasks.delete_expired_messages", "schedule": 30.0},
    "sweep-messages": {"task": "worker.tasks.sweep_messages", "schedule": 3600.0},
}
CELERY_BEAT_SCHEDULE_FILENAME = str(STATE_DIR / "beat-schedule")

# --- people -----------------------------------------------------------------------------------------
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.BCryptSHA256PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "apps.access.passwords.Audited"},
]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "account"
LOGOUT_REDIRECT_URL = "login"
ACCOUNT_ADAPTER = "authsite.allauth_adapter.InvitedOnly"
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_LOGIN_BY_CODE_ENABLED = False
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*"]
ACCOUNT_REAUTHENTICATION_TIMEOUT = 600
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = False
MFA_TOTP_ISSUER = "COSMIC"
MFA_ADAPTER = "authsite.allauth_adapter.SealedSecrets"
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not HTTPS
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SESSION_COOKIE_AGE = 12 * 3600

# --- API --------------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "apps.access.authentication.ScopedTokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "authsite.api_errors.handle",
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
}
SPECTACULAR_SETTINGS = {
    "TITLE": "COSMIC",
    "DESCRIPTION": "Is this really the person, here, now? Face and voice verification with liveness.",
    "VERSION": "1.0.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_AUTHENTICATION": [],  # the same for everybody, whatever token comes along
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
}
KNOX_TOKEN_MODEL = "knox.AuthToken"  # noqa: S105  (a model's name)
REST_KNOX = {"TOKEN_TTL": None, "AUTO_REFRESH": False}
OPERATOR_TOKEN_LIFE = timedelta(hours=12)
UNFOLD = {
    "SITE_TITLE": "COSMIC",
    "SITE_HEADER": "COSMIC",
    "DASHBOARD_CALLBACK": "authsite.dashboard.dashboard",
    "SIDEBAR": {"navigation": "authsite.navigation.sidebar"},
}

# What the policy page needs of the floors above it.
POLICY_OPERATING_POINTS = "apps.identities.operating_points.choices"
POLICY_CLIENT_ADDRESS = "apps.captures.addresses.client_address"

# --- web --------------------------------------------------------------------------------------------
LANGUAGE_CODE = "en"
FORMAT_MODULE_PATH = "authsite.formats"
TIME_ZONE = "UTC"
USE_TZ = True
STATIC_URL = "static/"
STATIC_ROOT = STATE_DIR / "static"
STATICFILES_DIRS = [PROJECT / "static"]
DATA_UPLOAD_MAX_MEMORY_SIZE = ENV.capture_max_bytes
DATA_UPLOAD_MAX_NUMBER_FILES = ENV.capture_max_frames + 10
# Plain biometrics never touch the disk: uploads stay in memory, and authsite.body_limit refuses what is larger.
FILE_UPLOAD_HANDLERS = ["django.core.files.uploadhandler.MemoryFileUploadHandler"]
FILE_UPLOAD_MAX_MEMORY_SIZE = ENV.capture_max_bytes + (1 << 20)
CSRF_FAILURE_VIEW = "authsite.api_errors.csrf_failed"
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
if HTTPS and ENV.trusted_proxies:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_HSTS_SECONDS = 31536000 if HTTPS else 0
# For every page; authsite.content_security says what the admin and the API's documentation need beyond it.
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "img-src": [SELF, "data:", "blob:"],
        "media-src": [SELF, "blob:"],
        "connect-src": [SELF],
        "object-src": [NONE],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
        "form-action": [SELF],
    },
}

# --- logs: events with ids, never biometrics or names ------------------------------------------------
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "plain"}},
    "root": {"handlers": ["console"], "level": ENV.log_level},
}
