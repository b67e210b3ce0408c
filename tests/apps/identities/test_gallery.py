"""The gallery: search, separation of models, rebuild."""

from __future__ import annotations

from enum import Enum

import numpy as np
import pytest

from apps.errors import CosmicError
from apps.identities.gallery import StoredGallery
from apps.identities.models import GalleryBuild, GalleryState, Person, Template
from apps.identities.services.consent import withdraw_consent
from apps.identities.services.gallery import answering_pack, rebuild_step, request_rebuild
from apps.identities.services.people import erase_person, set_status
from apps.identities.services.templates import store_template
from tests.factories import ModelVersionFactory, direction, enrolled

pytestmark = [pytest.mark.django_db, pytest.mark.database]


class Embedded:
    def __init__(self, vector: np.ndarray) -> None:
        self.vector = vector


class Reason(Enum):
    NO_FACE = "no_face"


class Unusable(Exception):
    reason = Reason.NO_FACE


@pytest.fixture
def builtin():
    GalleryState.objects.create(pk=1, pack="builtin")
    return ModelVersionFactory()


def test_search_is_the_exact_order_of_cosines(builtin):
    people = [enrolled(builtin, [direction(seed)]) for seed in range(40)]
    probe = direction(1000)

    found = StoredGallery("builtin").search("face", probe, 5)

    cosines = {person.pk: float(direction(seed) @ probe) for seed, person in enumerate(people)}
    best = sorted(cosines, key=lambda pk: -cosines[pk])[:5]
    assert [one.person_id for one in found] == best
    assert [one.similarity for one in found] == pytest.approx([cosines[pk] for pk in best], abs=1e-5)


def test_a_reference_is_the_unit_mean_of_templates(builtin):
    person = enrolled(builtin, [direction(1), direction(2), direction(3)])

    (reference,) = StoredGallery("builtin").references("face", [person.pk]).values()

    mean = np.mean([direction(seed) for seed in (1, 2, 3)], axis=0)
    assert reference == pytest.approx(mean / np.linalg.norm(mean), abs=1e-5)


def test_changes_are_seen_at_once(builtin):
    person = enrolled(builtin, [direction(1)])
    assert StoredGallery("builtin").size("face") == 1

    set_status(person=person, status=Person.Status.SUSPENDED, actor_id="test")
    assert StoredGallery("builtin").search("face", direction(1), 5) == []

    set_status(person=person, status=Person.Status.ACTIVE, actor_id="test")
    assert StoredGallery("builtin").size("face") == 1
    erase_person(person=person, actor_id="test")
    assert StoredGallery("builtin").size("face") == 0


def test_templates_of_two_models_are_never_mixed(builtin):
    other = ModelVersionFactory(pack="edgeface", name="edgeface_xs", width=512, sha256="1" * 64)
    person = enrolled(builtin, [direction(1)])
    enrolled(other, [direction(2, 512)])

    assert StoredGallery("builtin").search("face", direction(1), 5)[0].person_id == person.pk
    assert StoredGallery("builtin").size("face") == StoredGallery("edgeface").size("face") == 1
    with pytest.raises(ValueError, match="gives 512 values, not 128"):
        store_template(sample=person.samples.get(), model_version=other, vector=direction(1).tolist())


def test_the_same_name_with_other_weights_is_another_model(builtin):
    enrolled(builtin, [direction(1)])
    ModelVersionFactory(sha256="2" * 64)

    assert StoredGallery("builtin").size("face") == 0  # the newest weights answer, and have no template yet


def test_another_pack_in_the_settings_does_not_answer_before_a_rebuild(builtin):
    enrolled(builtin, [direction(1)])

    assert answering_pack("edgeface") == "builtin"


def test_an_empty_gallery_adopts_the_configured_pack(builtin):
    assert answering_pack("edgeface") == "edgeface"


def test_a_rebuild_answers_with_the_old_pack_until_it_is_done(builtin):
    other = ModelVersionFactory(pack="edgeface", name="edgeface_xs", width=512, sha256="1" * 64)
    people = [enrolled(builtin, [direction(seed)]) for seed in range(25)]
    build = request_rebuild(pack="edgeface", actor_id="test")
    number = iter(range(100))

    assert rebuild_step(build.pk, lambda modality, content: Embedded(direction(next(number), 512)))
    assert answering_pack("edgeface") == "builtin"
    assert StoredGallery("builtin").size("face") == 25
    while rebuild_step(build.pk, lambda modality, content: Embedded(direction(next(number), 512))):
        pass

    build.refresh_from_db()
    assert (build.status, build.done, build.total) == (GalleryBuild.Status.DONE, 25, 25)
    assert answering_pack("edgeface") == "edgeface"
    assert StoredGallery("edgeface").size("face") == len(people)
    assert set(Template.objects.values_list("model_version", flat=True)) == {other.pk}


def test_a_rebuild_lists_what_it_could_not_carry_over(builtin):
    enrolled(builtin, [direction(1)])
    build = request_rebuild(pack="builtin", actor_id="test")
    Template.objects.all().delete()

    def refuse(modality: str, content: bytes):
        raise Unusable

    while rebuild_step(build.pk, refuse):
        pass

    build.refresh_from_db()
    assert [entry["code"] for entry in build.not_carried] == ["no_face"]
    assert build.status == GalleryBuild.Status.DONE


def test_two_rebuilds_at_once_are_refused(builtin):
    request_rebuild(pack="builtin", actor_id="test")

    with pytest.raises(CosmicError) as refused:
        request_rebuild(pack="builtin", actor_id="test")
    assert refused.value.code == "rebuild_running"


def test_the_database_holds_no_readable_template(builtin):
    enrolled(builtin, [direction(1)])
    stored = Template.objects.get()

    raw = direction(1).tobytes()
    assert raw not in bytes(stored.sealed_vector)
    if stored.search_vector is not None:
        assert not np.allclose(np.array(stored.search_vector), direction(1), atol=0.05)


def test_a_template_moved_to_another_row_does_not_open(builtin):
    first, second = (enrolled(builtin, [direction(seed)]) for seed in (1, 2))
    moved = Template.objects.get(person=first).sealed_vector
    Template.objects.filter(person=second).update(sealed_vector=moved)

    assert set(StoredGallery("builtin").references("face", [first.pk, second.pk])) == {first.pk}


def test_withdrawn_consent_deletes_samples_and_templates(builtin, django_capture_on_commit_callbacks):
    from apps.identities import blobs

    person = enrolled(builtin, [direction(1)])
    (blob,) = person.samples.values_list("blob", flat=True)

    with django_capture_on_commit_callbacks(execute=True):
        withdraw_consent(person=person, actor_id="test")

    assert not person.samples.exists()
    assert not Template.objects.exists()
    with pytest.raises(FileNotFoundError):
        blobs.load(blob)
