"""Addresses of messages: pages, and the API that they and API clients use."""

from django.urls import path

from apps.messaging import api, views

API = "api/v1/messages"

urlpatterns = [
    path("messages/", views.folder_page, name="messages"),
    path("messages/new/", views.compose_page, name="compose"),
    path("messages/<uuid:message_id>/", views.message_page, name="message"),
    path(API, api.MessagesView.as_view(), name="api_messages"),
    path(f"{API}/<uuid:message_id>", api.MessageView.as_view(), name="api_message"),
    path(f"{API}/<uuid:message_id>/send", api.SendView.as_view(), name="api_message_send"),
    path(f"{API}/<uuid:message_id>/revoke", api.RevokeView.as_view(), name="api_message_revoke"),
    path(f"{API}/<uuid:message_id>/attachments", api.AttachmentsView.as_view(), name="api_attachments"),
    path(
        f"{API}/<uuid:message_id>/attachments/<int:attachment_id>",
        api.AttachmentView.as_view(),
        name="api_attachment",
    ),
    path(f"{API}/<uuid:message_id>/ticket", api.UnlockTicketView.as_view(), name="api_unlock_ticket"),
    path(f"{API}/<uuid:message_id>/captures", api.UnlockCapturesView.as_view(), name="api_unlock_captures"),
    path(
        f"{API}/<uuid:message_id>/captures/<uuid:capture_id>",
        api.UnlockCaptureView.as_view(),
        name="api_unlock_capture",
    ),
    path(
        f"{API}/<uuid:message_id>/captures/<uuid:capture_id>/answer",
        api.UnlockAnswerView.as_view(),
        name="api_unlock_answer",
    ),
    path(f"{API}/<uuid:message_id>/open", api.OpenView.as_view(), name="api_open"),
    path(f"{API}/<uuid:message_id>/content", api.ContentView.as_view(), name="api_content"),
    path(f"{API}/<uuid:message_id>/lock", api.LockView.as_view(), name="api_lock"),
]
