"""Addresses of the websockets."""

from django.urls import path

from apps.messaging.consumers import MailboxConsumer, PresenceConsumer, UnlockCaptureConsumer

websocket_urlpatterns = [
    path("ws/mailbox/", MailboxConsumer.as_asgi()),
    path("ws/messages/<uuid:message_id>/", PresenceConsumer.as_asgi()),
    path("ws/messages/<uuid:message_id>/captures/<uuid:public_id>/", UnlockCaptureConsumer.as_asgi()),
]
