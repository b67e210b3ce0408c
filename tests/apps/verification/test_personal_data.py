"""A person's own data: shown, handed over whole, and gone without a trace when they say so."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.test import Client

from apps.audit.models import Event
from apps.captures.bundle import Bundle, pack
from apps.enrollment.models import EnrolmentJob
from apps.identities import blobs
from apps.identities.models import CaptureTrace, Person, Sample, Template
from apps.identities.sealed_vectors import open_vector
from apps.identities.services.consent import withdraw_consent
from apps.identities.services.people import erase_person
from apps.identities.services.traces import keep_trace
from apps.verification.models import AttemptLabel, Capture, Decision, StageRecord, VerdictReview
from tests import media
from tests.factories import ModelVersionFactory, UserFactory, direction, enrolled
from tests.people import portrait

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]
EVIDENCE = {"eye_open": 0.3141592, "gates": {"picture": {"cues": {"moire": 2.7182818}}}}


@pytest.fixture
def ada() -> Person:
    """Enrolled, with a kept capture, a decision about her, and an enrolment that waits."""
    person = enrolled(ModelVersionFactory(), [direction(1)], user__username="ada-who-goes")
    bundle = pack(Bundle(frames=[media.jpeg(portrait("astronaut"))], voice=b"RIFF-her-voice"))
    capture = Capture.objects.create(
        purpose="login", claimed=person, bound_to="her session", blob=blobs.store(bundle, purpose="captures")
    )
    StageRecord.objects.create(
        capture=capture, position=0, name="liveness", outcome="passed", evidence=EVIDENCE, milliseconds=1, llr=1.0
    )
    Decision.objects.create(capture=capture, outcome="GRANTED", person=person, posterior=0.99)
    keep_trace(person=person, content=b"what the camera saw of her")
    EnrolmentJob.objects.create(
        person=person, source="rest", requested_by="x", blob=blobs.store(bundle, purpose="captures")
    )
    return person


@pytest.fixture
def her_client(client: Client, ada: Person) -> Client:
    client.force_login(ada.user)
    return client


def everything_on_disk() -> bytes:
    """Every byte of the sealed storage and, as text, every value in every table."""
    parts = [
        path.read_bytes()
        for path in Path(settings.STORAGES["sealed"]["OPTIONS"]["location"]).rglob("*")
        if path.is_file()
    ]
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT * FROM "{table}"')  # noqa: S608  (the names come from the database itself)
            parts += [
                bytes(value) if isinstance(value, bytes | memoryview) else str(value).encode()
                for row in cursor
                for value in row
            ]
    return b"\n".join(parts)


def test_the_page_says_what_is_stored(her_client: Client):
    page = her_client.get("/account/").content.decode()

    for shown in (
        "What is stored about you",
        "Download all of it",
        "Captures kept</dt><dd>1",
        "Templates made from them</dt><dd>1",
    ):
        assert shown in page


def test_the_archive_holds_all_of_it_opened(her_client: Client, ada: Person):
    answer = her_client.post("/account/export")

    assert (answer["Content-Type"], answer["Cache-Control"].split(",")[0]) == ("application/zip", "max-age=0")
    archive = zipfile.ZipFile(io.BytesIO(answer.content))
    about = json.loads(archive.read("about.json"))
    sample = Sample.objects.get()
    assert archive.read(f"samples/face-{sample.pk}.bin") == blobs.load(sample.blob)
    (template,) = about["samples"][0]["templates"]
    assert template["template"] == pytest.approx(direction(1).tolist(), abs=1e-5)
    assert about["decisions"][0]["outcome"] == "GRANTED"
    names = archive.namelist()
    assert any(name.endswith("/0000.jpg") for name in names) and any(name.endswith("/voice.wav") for name in names)
    stages = json.loads(
        archive.read(next(name for name in names if name.startswith("captures/") and name.endswith("about.json")))
    )
    assert stages["stages"][0]["evidence"] == EVIDENCE
    assert Event.objects.get(action="person.exported").subject_id == str(ada.public_id)


def test_nobody_elses_data_are_in_it(her_client: Client):
    other = enrolled(ModelVersionFactory(sha256="1" * 64), [direction(2)], user__username="grace-who-stays")

    archive = zipfile.ZipFile(io.BytesIO(her_client.post("/account/export").content))

    whole = b"".join(archive.read(name) for name in archive.namelist())
    assert b"grace-who-stays" not in whole and str(other.public_id).encode() not in whole


def test_deleting_the_account_leaves_no_byte_of_her(her_client: Client, ada: Person):
    sealed = [bytes(template.sealed_vector) for template in Template.objects.all()]
    sealed += [bytes(trace.sealed) for trace in CaptureTrace.objects.all()]
    files = [Path(settings.STORAGES["sealed"]["OPTIONS"]["location"]) / name for name in blob_names()]
    contents = [path.read_bytes() for path in files]
    opened = open_vector(Template.objects.get())
    before = everything_on_disk()
    searched = [*sealed, *contents, b"ada-who-goes", b"0.3141592", b"2.7182818"]
    assert all(one in before for one in searched)
    assert opened not in before  # it never lay there in the clear

    assert her_client.post("/account/delete", {"confirm": "ada-who-goes"}).status_code == 302

    after = everything_on_disk()
    assert not any(one in after for one in searched)
    assert not any(path.exists() for path in files)
    assert Event.objects.filter(action="person.erased", subject_id=str(ada.public_id)).exists()
    assert her_client.get("/account/").status_code == 302


def test_withdrawing_erases_captures_that_are_kept(ada: Person):
    files = [Path(settings.STORAGES["sealed"]["OPTIONS"]["location"]) / name for name in blob_names()]

    withdraw_consent(person=ada, actor_id=ada.user_id)

    assert not any(path.exists() for path in files)
    assert StageRecord.objects.get().evidence == {}
    assert Decision.objects.exists()  # that there was one stays


def test_an_operator_who_erases_somebody_erases_captures_too(ada: Person):
    erase_person(person=ada, actor_id="officer")

    assert Capture.objects.get().blob == ""
    assert not EnrolmentJob.objects.exists()


@pytest.mark.parametrize("typed", ["", "ada", "ADA-WHO-GOES"])
def test_nothing_is_deleted_without_the_name(her_client: Client, typed: str):
    her_client.post("/account/delete", {"confirm": typed})

    assert Person.objects.filter(user__username="ada-who-goes").exists()


def test_an_operator_does_not_delete_themselves(her_client: Client, ada: Person):
    ada.user.is_staff = True
    ada.user.save()

    her_client.post("/account/delete", {"confirm": "ada-who-goes"})

    assert Person.objects.exists()


@pytest.mark.parametrize("address", ["/account/export", "/account/delete"])
def test_strangers_and_links_get_nothing(client: Client, her_client: Client, address: str):
    assert her_client.get(address).status_code == 405
    assert Client().post(address)["Location"].startswith("/login/")


def blob_names() -> list[str]:
    names = [*Sample.objects.values_list("blob", flat=True), *Capture.objects.values_list("blob", flat=True)]
    return [*names, *EnrolmentJob.objects.values_list("blob", flat=True)]


def test_what_operators_wrote_about_somebody_goes_with_the_account(ada: Person):
    """Also about an attempt on somebody else's account that shows their face."""
    shown = Capture.objects.create(purpose="login", bound_to="x", address="192.0.2.7", account_key="a digest of a name")
    AttemptLabel.objects.create(
        capture=shown, truth="attack", instrument="print", subject=ada, note="ada-who-goes again"
    )
    attempt = Capture.objects.get(claimed=ada)
    VerdictReview.objects.create(capture=attempt, verdict="rejected", note="ada-who-goes rang me", reviewer="officer")
    LogEntry.objects.create(
        user=UserFactory(),
        content_type=ContentType.objects.get_for_model(Person),
        object_id=str(ada.pk),
        object_repr="ada-who-goes",
        action_flag=2,
    )

    erase_person(person=ada, actor_id="test")

    assert b"ada-who-goes" not in everything_on_disk()
    assert not Capture.objects.exclude(account_key="", address=None).exists()
