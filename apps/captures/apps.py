from django.apps import AppConfig


class CapturesConfig(AppConfig):
    name = "apps.captures"
    label = "captures"
