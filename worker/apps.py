from django.apps import AppConfig


class WorkerConfig(AppConfig):
    """No models: an app only so that commands that need networks live here, out of the web process."""

    name = "worker"
