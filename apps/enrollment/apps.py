from django.apps import AppConfig


class EnrollmentConfig(AppConfig):
    name = "apps.enrollment"
    label = "enrollment"

    def ready(self) -> None:
        from apps.access.signals import grown
        from apps.enrollment.models import Invitation
        from apps.enrollment.services.forget import forget_enrolments
        from apps.enrollment.services.invitations import end_open
        from apps.identities.signals import forgetting

        def forget(person, **_) -> None:
            forget_enrolments(person)

        forgetting.connect(forget, weak=False, dispatch_uid="enrollment.forget_enrolments")

        def close_invitations(account, **_) -> None:
            """Who holds a link into an account that grew could enrol their own face for it."""
            end_open(Invitation.objects.filter(person__user=account))

        grown.connect(close_invitations, weak=False, dispatch_uid="enrollment.end_open")
