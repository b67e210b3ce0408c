"""ASGI entry point: HTTP by Django behind a limit on bodies, websockets by Channels, and a start that checks the key."""

import os

from channels.auth import AuthMiddlewareStack
from channels.routing import ProtocolTypeRouter, URLRouter
from channels.security.websocket import AllowedHostsOriginValidator
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "authsite.settings")
http = get_asgi_application()

from django.conf import settings  # noqa: E402

from apps.messaging.routing import websocket_urlpatterns as messaging_sockets  # noqa: E402  (needs the app registry)
from apps.verification.routing import websocket_urlpatterns as verification_sockets  # noqa: E402
from apps.verification.socket_auth import TokenAuth  # noqa: E402
from authsite.body_limit import BodyLimit  # noqa: E402
from authsite.middleware import SocketEventsFromWhere  # noqa: E402
from authsite.operator_factor import SocketsByFactor  # noqa: E402
from authsite.startup import lifespan  # noqa: E402

sockets = [*verification_sockets, *messaging_sockets]
FORM_OVERHEAD = 1 << 18  # field names and boundaries around the files

application = ProtocolTypeRouter(
    {
        "lifespan": lifespan,
        "http": BodyLimit(
            http,  # type: ignore[arg-type]  # Django types its scope more narrowly
            most=settings.ENV.capture_max_bytes + FORM_OVERHEAD,
        ),
        "websocket": AllowedHostsOriginValidator(
            SocketEventsFromWhere(AuthMiddlewareStack(TokenAuth(SocketsByFactor(URLRouter(sockets)))))
        ),
    }
)
