"""Addresses of enrolment."""

from django.urls import path

from apps.enrollment import api, views

urlpatterns = [
    path("enroll/", api.EnrolView.as_view(), name="api_enrol"),
    path("api/v1/enrolments/<uuid:public_id>", api.EnrolmentView.as_view(), name="api_enrolment"),
    path("api/v1/invitations", api.InvitationView.as_view(), name="api_invitations"),
    path("enrol/", views.enrol_page, name="enrol"),
    path("enrol/ticket", views.enrol_ticket, name="enrol_ticket"),
    path("enrol/submit", views.enrol_submit, name="enrol_submit"),
    path("enrol/jobs/<uuid:public_id>", views.enrol_job, name="enrol_job"),
    path("enrol/<str:token>/", views.enrol_invited_page, name="enrol_invited"),
    path("enrol/<str:token>/ticket", views.enrol_invited_ticket, name="enrol_invited_ticket"),
    path("enrol/<str:token>/submit", views.enrol_invited_submit, name="enrol_invited_submit"),
]
