"""Addresses of the gallery and of one's own biometrics."""

from django.urls import path

from apps.identities import api, views

urlpatterns = [
    path("gallery/rebuild", api.RebuildView.as_view(), name="gallery_rebuild"),
    path("api/v1/gallery/builds/<int:build_id>", api.BuildView.as_view(), name="gallery_build"),
    path("account/consent/withdraw", views.withdraw, name="withdraw_consent"),
]
