from django.apps import AppConfig


class VerificationConfig(AppConfig):
    name = "apps.verification"
    label = "verification"

    def ready(self) -> None:
        from apps.identities.services.resealing import register
        from apps.identities.signals import forgetting
        from apps.verification.services.personal_data import forget_captures
        from apps.verification.services.resealing import sealed_here

        def forget(person, **_) -> None:
            forget_captures(person)

        forgetting.connect(forget, weak=False, dispatch_uid="verification.forget_captures")
        for kind in sealed_here():
            register(kind)
