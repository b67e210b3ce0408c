"""What a person is asked to do: drawn by the server, as policy wants it, never what they cannot do."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from apps.captures import limits
from apps.captures.bundle import Bundle
from apps.captures.challenges import CHALLENGED, Kind, draw_challenge
from apps.captures.colours import PALETTE, draw_colours
from apps.captures.models import CaptureTicket, Purpose
from apps.captures.services.tickets import issue_ticket
from apps.errors import CosmicError, ErrorCode
from apps.verification.models import Capture
from apps.verification.services.submit import submit_capture

pytestmark = pytest.mark.django_db

ALL = [kind.value for kind in Kind]


@pytest.fixture
def policy(settings):
    """``policy(challenge_count=2)``: the environment with these values instead."""

    def changed(**values: object) -> None:
        settings.ENV = replace(settings.ENV, **values)

    changed(challenge_count=1, challenges=ALL)
    return changed


def kinds(**asked: object) -> list[str]:
    values = {"purpose": Purpose.LOGIN, "origin": "somewhere", "voice": True, **asked}
    return [str(step["kind"]) for step in draw_challenge(**values).steps]


def test_every_kind_is_drawn_and_nobody_can_tell_which(policy):
    drawn = Counter(kinds()[0] for _ in range(400))  # a turn is two steps of one kind

    assert set(drawn) == set(ALL)
    assert min(drawn.values()) > 400 / len(ALL) / 2


@pytest.mark.parametrize("purpose", Purpose)
def test_whoever_authenticates_is_challenged_and_whoever_enrols_is_not(policy, purpose: str):
    assert bool(kinds(purpose=purpose)) == (purpose in CHALLENGED) == (purpose != Purpose.ENROL)


def test_nothing_is_to_be_said_without_a_microphone(policy):
    assert all(kinds(voice=False) != [Kind.DIGITS] for _ in range(60))


def test_a_voice_that_policy_requires_cannot_be_left_out(policy):
    policy(required_modalities=["face", "voice"], challenges=["digits"])

    assert kinds(voice=False) == [Kind.DIGITS]


def test_whoever_draws_again_gets_the_same_sides(policy):
    """So few sides there are that a recording would soon fit; elsewhere they are others."""
    policy(challenges=["turn"])

    def sides(origin: str) -> tuple[str, ...]:
        steps = draw_challenge(purpose=Purpose.LOGIN, origin=origin, voice=False).steps
        return tuple(step["side"] for step in steps)

    assert len({sides("here") for _ in range(20)}) == 1
    assert len({sides(f"there {number}") for number in range(40)}) == 4


def test_what_somebody_cannot_do_is_not_asked(policy):
    assert {kinds(cannot=[Kind.LIGHT, Kind.DIGITS, Kind.BLINK])[0] for _ in range(20)} == {Kind.TURN}


def test_policy_may_leave_no_choice(policy):
    policy(challenge_choice=False)

    assert len({kinds(cannot=[Kind.LIGHT, Kind.DIGITS, Kind.BLINK])[0] for _ in range(100)}) == len(ALL)


def test_somebody_who_can_do_nothing_is_told_and_not_let_through(policy):
    with pytest.raises(CosmicError) as refused:
        draw_challenge(purpose=Purpose.LOGIN, origin="somewhere", voice=True, cannot=ALL)

    assert (refused.value.code, refused.value.status) == (ErrorCode.CHALLENGE_IMPOSSIBLE, 409)


def test_several_steps_follow_each_other_without_overlap(policy):
    policy(challenge_count=3)

    for _ in range(30):
        challenge = draw_challenge(purpose=Purpose.VERIFY, origin="somewhere", voice=True)

        assert len({step["kind"] for step in challenge.steps}) == 3
        for step, after in zip(challenge.steps, challenge.steps[1:], strict=False):
            assert step["starts"] < step["ends"] <= after["starts"]
        assert challenge.steps[-1]["ends"] < challenge.seconds


def test_colours_never_flash():
    """WCAG 2.3.1: at most three flashes in any second, and none of saturated red (80 % of red in linear light)."""
    for seed in range(200):
        colours = draw_colours(random.Random(seed), 5.0)

        starts = [at for at, _ in colours]
        assert all(after - before >= 0.5 for before, after in itertools.pairwise(starts))
        assert all(one != other for (_, one), (_, other) in itertools.pairwise(colours))
    for red, green, blue in PALETTE:
        light = [(value / 255) ** 2.2 for value in (red, green, blue)]
        assert light[0] / sum(light) < 0.8


@pytest.mark.django_db
@pytest.mark.database
class TestTicket:
    def test_it_holds_what_was_asked(self, policy):
        ticket = issue_ticket(purpose=Purpose.LOGIN, bound_to="me", voice=True)

        assert CaptureTicket.objects.get().challenge == [dict(step) for step in ticket.challenge.steps]

    def test_its_deadline_is_short(self, policy):
        policy(challenge_deadline_seconds=7)

        ticket = issue_ticket(purpose=Purpose.LOGIN, bound_to="me", voice=True)

        left = (ticket.expires_at - timezone.now()).total_seconds()
        assert ticket.challenge.seconds + 6 < left <= ticket.challenge.seconds + 7

    def test_a_capture_that_comes_before_its_challenge_can_be_over_is_refused(self, policy):
        ticket = issue_ticket(purpose=Purpose.LOGIN, bound_to="me", voice=True)

        assert refused(ticket.nonce) == ErrorCode.CHALLENGE_TOO_EARLY
        assert not Capture.objects.exists()

    def test_a_challenged_capture_needs_times(self, policy):
        ticket = issue_ticket(purpose=Purpose.LOGIN, bound_to="me", voice=True)
        CaptureTicket.objects.update(created_at=timezone.now() - timedelta(seconds=10))

        assert refused(ticket.nonce, frame_times=[]) == ErrorCode.INVALID_REQUEST
        assert submit(ticket.nonce).ticket.challenge == [dict(step) for step in ticket.challenge.steps]

    def test_the_login_page_is_told_what_to_show(self, policy, client: Client):
        answer = client.post("/login/ticket", {"cannot": ["light", "digits", "blink"]}, content_type="application/json")

        assert answer.status_code == 201
        steps = answer.json()["challenge"]
        assert [step["kind"] for step in steps] == ["turn", "turn"]
        assert {step["side"] for step in steps} <= {"left", "right"}
        assert answer.json()["seconds"] >= steps[-1]["ends"]

    @pytest.mark.parametrize(
        "wrong", [{"cannot": ["think"]}, {"cannot": "light"}, {"voice": "perhaps"}, {"cannot": [1]}]
    )
    def test_nonsense_is_refused(self, policy, client: Client, wrong: dict):
        answer = client.post("/login/ticket", wrong, content_type="application/json")

        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_request")


def submit(nonce: str, *, frame_times: list[float] | None = None) -> Capture:
    bundle = Bundle(frames=[b"one", b"two"], frame_times=[0.0, 1.0] if frame_times is None else frame_times)
    return submit_capture(
        bundle=bundle,
        nonce=nonce,
        purpose=Purpose.LOGIN,
        bound_to="me",
        claimed_name="ada",
        account_key="key",
        address="127.0.0.1",
    )


def refused(nonce: str, *, frame_times: list[float] | None = None) -> ErrorCode:
    with pytest.raises(CosmicError) as error:
        submit(nonce, frame_times=frame_times)
    return error.value.code


@pytest.mark.django_db
class TestShopping:
    """Looking at challenges until one suits a recording at hand."""

    def test_challenges_that_are_left_unanswered_run_out(self, policy, client: Client):
        answers = [client.post("/login/ticket") for _ in range(limits.MOST_OPEN_CHALLENGES + 1)]

        assert [answer.status_code for answer in answers] == [201] * limits.MOST_OPEN_CHALLENGES + [429]
        assert int(answers[-1]["Retry-After"]) > 60
        assert Client().post("/login/ticket").status_code == 429  # another session is the same address

    def test_challenges_that_are_answered_do_not(self, policy, client: Client):
        for _ in range(limits.MOST_OPEN_CHALLENGES + 5):
            assert client.post("/login/ticket").status_code == 201
            limits.challenge_answered(limits.address_key("127.0.0.1"))

    def test_passive_captures_do_not_count(self, policy, client: Client):
        policy(challenge_count=0)

        assert {client.post("/login/ticket").status_code for _ in range(15)} == {201}
