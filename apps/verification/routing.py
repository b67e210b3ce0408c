"""Addresses of the websockets."""

from django.urls import path

from apps.verification.consumers import CaptureConsumer, PreviewConsumer
from apps.verification.monitor import MonitorConsumer

websocket_urlpatterns = [
    path("ws/captures/<uuid:public_id>/", CaptureConsumer.as_asgi()),
    path("ws/preview/", PreviewConsumer.as_asgi()),
    path("ws/monitor/", MonitorConsumer.as_asgi()),
]
