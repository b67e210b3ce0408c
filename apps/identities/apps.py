from django.apps import AppConfig


class IdentitiesConfig(AppConfig):
    name = "apps.identities"
    label = "identities"

    def ready(self) -> None:
        from apps.identities import factor_events
        from apps.identities.services.resealing import register
        from apps.identities.services.sealed_kinds import sealed_here

        for kind in sealed_here():
            register(kind)
        factor_events.connect()
