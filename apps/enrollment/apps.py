from django.apps import AppConfig


class EnrollmentConfig(AppConfig):
    name = "apps.enrollment"
    label = "enrollment"

    def ready(self) -> None:
        from apps.access.signals import grown
        from apps.enrollment.services.forget import forget_enrolments
        from apps.enrollment.services.invitations import end_open
        from apps.identities.signals import forgetting

        def forget(person, **_) -> None:
            forget_enrolments(person)

        forgetting.connect(forget, weak=False, dispatch_uid="enrollment.forget_enrolments")

        def close_invitations(account, **_) -> None:
            end_open(account)

        grown.connect(close_invitations, weak=False, dispatch_uid="enrollment.end_open")
