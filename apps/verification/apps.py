from django.apps import AppConfig


class VerificationConfig(AppConfig):
    name = "apps.verification"
    label = "verification"

    def ready(self) -> None:
        from apps.identities.services.resealing import register
        from apps.identities.signals import erasing, forgetting
        from apps.verification import login_events
        from apps.verification.services.personal_data import forget_captures, forget_names
        from apps.verification.services.resealing import sealed_here

        def forget(person, **_) -> None:
            forget_captures(person)

        def forget_account(person, **_) -> None:
            forget_names(person)

        erasing.connect(forget_account, weak=False, dispatch_uid="verification.forget_names")
        forgetting.connect(forget, weak=False, dispatch_uid="verification.forget_captures")
        login_events.connect()
        for kind in sealed_here():
            register(kind)
