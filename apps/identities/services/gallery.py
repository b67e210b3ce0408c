"""Which pack answers, and how the gallery moves from one pack to another.

A rebuild re-embeds every stored sample with the models of the configured pack, batch by batch. Until the last one is
done the old pack's templates answer; then the answering pack changes in one transaction.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from apps.audit.services.record import record_event
from apps.errors import CosmicError, ErrorCode
from apps.identities import blobs
from apps.identities.gallery import answering_versions
from apps.identities.models import GalleryBuild, GalleryState, ModelVersion, Person, Sample, Template
from apps.identities.services.templates import store_template

if TYPE_CHECKING:
    import numpy as np

BATCH = 20
STALLED_AFTER = timedelta(minutes=10)


class Embedding(Protocol):
    """What an embedded sample is to a rebuild; the worker's own type fits it."""

    @property
    def vector(self) -> np.ndarray: ...


def answering_pack(configured: str) -> str:
    """The pack that the gallery answers with; a gallery without templates adopts the configured one."""
    state = GalleryState.objects.filter(pk=1).first()
    if state is not None and state.pack and (state.pack == configured or Template.objects.exists()):
        return state.pack
    with transaction.atomic():
        GalleryState.objects.update_or_create(pk=1, defaults={"pack": configured})
    return configured


def request_rebuild(*, pack: str, actor_id: object) -> GalleryBuild:
    """Begin a rebuild for ``pack``. The caller sends the task.

    Raises:
        CosmicError: ``rebuild_running`` (409) while another one moves forward.
    """
    now = timezone.now()
    unfinished = GalleryBuild.objects.filter(status__in=[GalleryBuild.Status.QUEUED, GalleryBuild.Status.RUNNING])
    with transaction.atomic():
        if unfinished.filter(heartbeat_at__gte=now - STALLED_AFTER).exists():
            raise CosmicError(ErrorCode.REBUILD_RUNNING, status=409)
        unfinished.update(status=GalleryBuild.Status.FAILED, error_code=ErrorCode.TIMED_OUT, finished_at=now)
        build = GalleryBuild.objects.create(
            pack=pack, requested_by=str(actor_id), total=Sample.objects.count(), heartbeat_at=now
        )
        record_event(action="gallery.rebuild", actor_id=actor_id, reference=build.pk, details={"pack": pack})
    return build


def build_by_id(build_id: int) -> GalleryBuild:
    return GalleryBuild.objects.get(pk=build_id)


def rebuild_step(build_id: int, embed: Callable[[str, bytes], Embedding]) -> bool:
    """Re-embed one batch. True when more remains, False when the rebuild has ended.

    Arguments:
        embed: (modality, content) to an embedding; raises an exception with ``reason`` when a sample is unusable.
    """
    build = build_by_id(build_id)
    if build.status not in (GalleryBuild.Status.QUEUED, GalleryBuild.Status.RUNNING):
        return False
    versions = {version.modality: version for version in answering_versions(build.pack)}
    refused = {entry["sample"] for entry in build.not_carried}
    remaining = list(_without_template(versions).exclude(pk__in=refused)[:BATCH])
    for sample in remaining:
        try:
            embedding = embed(sample.modality, blobs.load(sample.blob))
        except Exception as error:
            reason = getattr(error, "reason", None)
            code = reason.value if reason is not None else ErrorCode.INTERNAL.value
            build.not_carried.append({"sample": sample.pk, "person": str(sample.person.public_id), "code": code})
            continue
        store_template(sample=sample, model_version=versions[sample.modality], vector=embedding.vector.tolist())
    build.done += len(remaining)
    build.status = GalleryBuild.Status.RUNNING
    build.heartbeat_at = timezone.now()
    build.save(update_fields=["done", "status", "heartbeat_at", "not_carried"])
    if remaining:
        return True
    _finish(build)
    return False


def _without_template(versions: dict[str, ModelVersion]):
    samples = Sample.objects.select_related("person").order_by("pk")
    return (
        samples.filter(person__consents__withdrawn_at=None, person__consents__isnull=False)
        .distinct()
        .exclude(pk__in=Template.objects.filter(model_version__in=versions.values()).values("sample"))
    )


@transaction.atomic
def _finish(build: GalleryBuild) -> None:
    """Let the new pack answer, and delete what only the old one needed."""
    GalleryState.objects.get_or_create(pk=1)
    GalleryState.objects.filter(pk=1).update(pack=build.pack, version=F("version") + 1)
    Template.objects.exclude(model_version__pack=build.pack).delete()
    build.status = GalleryBuild.Status.DONE
    build.finished_at = timezone.now()
    build.save(update_fields=["status", "finished_at"])
    lost = Person.objects.filter(status=Person.Status.ACTIVE, templates=None).count()
    record_event(
        action="gallery.rebuilt",
        actor_id=build.requested_by,
        reference=build.pk,
        details={"pack": build.pack, "not_carried": len(build.not_carried), "people_without_template": lost},
    )
