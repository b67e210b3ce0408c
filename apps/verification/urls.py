"""Addresses of login, verification and identification."""

from django.urls import path

from apps.verification import api, views

urlpatterns = [
    path("", views.home, name="home"),
    path("login/", views.login_page, name="login"),
    path("login/ticket", views.login_ticket, name="login_ticket"),
    path("login/capture", views.login_capture, name="login_capture"),
    path("login/capture/<uuid:public_id>", views.login_job, name="login_job"),
    path("login/capture/<uuid:public_id>/answer", views.login_answer, name="login_answer"),
    path("login/complete", views.login_complete, name="login_complete"),
    path("account/", views.account_page, name="account"),
    path("account/export", views.export_data, name="export_data"),
    path("account/delete", views.delete_account, name="delete_account"),
    path("identify/", api.IdentifyView.as_view(), name="identify"),
    path("api/v1/verify", api.VerifyView.as_view(), name="verify"),
    path("api/v1/captures/ticket", api.TicketView.as_view(), name="ticket"),
    path("api/v1/jobs/<uuid:public_id>", api.JobView.as_view(), name="job"),
    path("api/v1/jobs/<uuid:public_id>/answer", api.AnswerView.as_view(), name="job_answer"),
]
