from django.apps import AppConfig, apps
from django.db.models.signals import post_migrate


class AccessConfig(AppConfig):
    name = "apps.access"
    label = "access"

    def ready(self) -> None:
        from apps.access import schema  # noqa: F401  (drf-spectacular finds its extensions by their import)
        from apps.access.roles import apply_roles

        # Once, after the last app: by then django.contrib.auth has made the permissions of all.
        last = [config for config in apps.get_app_configs() if config.models_module is not None][-1]
        post_migrate.connect(apply_roles, sender=last, dispatch_uid="access.apply_roles")
