from django.apps import AppConfig


class EnrollmentConfig(AppConfig):
    name = "apps.enrollment"
    label = "enrollment"

    def ready(self) -> None:
        from apps.enrollment.services.forget import forget_enrolments
        from apps.identities.signals import forgetting

        def forget(person, **_) -> None:
            forget_enrolments(person)

        forgetting.connect(forget, weak=False, dispatch_uid="enrollment.forget_enrolments")
