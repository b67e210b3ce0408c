from django.apps import AppConfig


class MessagingConfig(AppConfig):
    name = "apps.messaging"
    label = "messaging"

    def ready(self) -> None:
        from apps.identities.services.resealing import register
        from apps.identities.signals import Gathered, erasing, gathering
        from apps.messaging.services.personal import gather
        from apps.messaging.services.sealed_kinds import sealed_here
        from apps.messaging.services.withdraw import forget_mailboxes

        def forget(person, **_) -> None:
            forget_mailboxes(person)

        erasing.connect(forget, weak=False, dispatch_uid="messaging.forget_mailboxes")

        def tell(person, **_) -> Gathered:
            return gather(person)

        gathering.connect(tell, weak=False, dispatch_uid="messaging.gather")

        for kind in sealed_here():
            register(kind)
