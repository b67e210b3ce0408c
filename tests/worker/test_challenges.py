"""Challenges and gates on real engines, frame by frame: who does what was asked passes, everything else does not."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from apps.captures.challenges import STEPS, Kind
from apps.captures.colours import LONGEST, PALETTE, SHORTEST, draw_colours
from models.liveness.challenges import light
from tests import acting, media
from tests.worker.test_cascade import ADA, Known
from worker.cascade.pipeline import Cascade
from worker.cascade.types import ChallengeStep, Claim, Gate, Modality, Outcome, Policy, Reason, Rule, Sample, Verdict
from worker.engines.types import Engines
from worker.wiring import DEFAULT_RULES

ORIGINS = itertools.count()  # turns go to other sides elsewhere
# As a deployment has it where its operator says nothing, but for one: a portrait that is bent by its mesh is neither a
# plane nor a head.
POLICY = Policy(gates=DEFAULT_RULES | {Gate.FLAT: Rule.ADVISE})


def steps_of(kind: Kind) -> list[dict]:
    return STEPS[kind](0.6, str(next(ORIGINS)))


def sample(steps: Sequence[dict], *, voice: np.ndarray | None = None, seed: int = 0) -> Sample:
    seconds = max(4.0, float(steps[-1]["ends"]) + 0.2) if steps else 4.0
    frames = acting.acted_frames("astronaut", steps, seconds, voice=voice, seed=seed)
    return Sample(frames=tuple(frames), frame_times=tuple(media.times_of(frames)), voice=voice)


def spoken(digits: str) -> np.ndarray:
    return np.concatenate([np.zeros(media.RATE // 2, np.float32), acting.said("astronaut", digits)])


def decide(engines: Engines, gallery: Known, given: Sample, asked: Sequence[dict], policy: Policy = POLICY) -> Verdict:
    challenge = tuple(ChallengeStep.from_values(step) for step in asked)
    return Cascade(engines).run(given, Claim(ADA), gallery, policy, lambda result: None, challenge)


@pytest.mark.parametrize("kind", [Kind.BLINK, Kind.TURN, Kind.LIGHT])
def test_whoever_does_it_is_let_in(engines: Engines, gallery: Known, kind: Kind):
    asked = steps_of(kind)

    verdict = decide(engines, gallery, sample(asked), asked)

    assert verdict.outcome is Outcome.GRANTED, (verdict.reason, verdict.results[-1].evidence)
    assert all(done["done"] for done in verdict.results[0].evidence["challenge"])


def test_digits_that_are_read_aloud_are_heard(engines: Engines, gallery: Known):
    asked = [steps_of(Kind.DIGITS)[0] | {"digits": "4071"}]
    voice = spoken("4071")

    verdict = decide(engines, gallery, sample(asked, voice=voice), asked)

    assert verdict.outcome is Outcome.GRANTED, (verdict.reason, verdict.results[-1].evidence)


@pytest.mark.parametrize("kind", [Kind.TURN, Kind.LIGHT])
def test_a_video_without_it_is_refused(engines: Engines, gallery: Known, kind: Kind):
    reasons = {Kind.TURN: {Reason.TURN_NOT_SEEN}, Kind.LIGHT: {Reason.LIGHT_NOT_SEEN, Reason.LIGHT_UNCLEAR}}

    verdict = decide(engines, gallery, sample([], seed=1), steps_of(kind))

    assert (verdict.outcome, verdict.reason in reasons[kind]) == (Outcome.DENIED, True), verdict.reason


def test_the_other_side_is_refused(engines: Engines, gallery: Known):
    """Right once and wrong once is wrong."""
    asked = steps_of(Kind.TURN)
    other = [asked[0], asked[1] | {"side": "left" if asked[1]["side"] == "right" else "right"}]

    verdict = decide(engines, gallery, sample(other), asked)

    assert verdict.reason is Reason.TURN_NOT_SEEN


def test_the_light_of_another_attempt_is_refused(engines: Engines, gallery: Known):
    """A video of an earlier login: the colours on the face are those of then."""
    then, now = steps_of(Kind.LIGHT), steps_of(Kind.LIGHT)

    verdict = decide(engines, gallery, sample(then), now)

    assert verdict.reason is Reason.LIGHT_NOT_SEEN


def test_another_number_of_blinks_is_refused(engines: Engines, gallery: Known):
    asked = [steps_of(Kind.BLINK)[0] | {"count": 3, "ends": 5.1}]

    verdict = decide(engines, gallery, sample([asked[0] | {"count": 1}]), asked)

    assert verdict.reason is Reason.BLINKS_NOT_SEEN


def test_other_digits_are_refused(engines: Engines, gallery: Known):
    asked = [steps_of(Kind.DIGITS)[0] | {"digits": "4071"}]
    voice = spoken("4081")

    verdict = decide(engines, gallery, sample(asked, voice=voice), asked)

    assert verdict.reason is Reason.DIGITS_NOT_HEARD


def test_digits_without_a_voice_are_refused(engines: Engines, gallery: Known):
    asked = steps_of(Kind.DIGITS)

    verdict = decide(engines, gallery, sample(asked), asked)

    assert verdict.reason is Reason.MODALITY_MISSING


def test_a_kind_that_the_worker_does_not_know_is_no_pass(engines: Engines, gallery: Known):
    asked = [{"kind": "dance", "starts": 0.6, "ends": 3.0}]

    verdict = decide(engines, gallery, sample([]), asked)

    assert (verdict.outcome, verdict.reason) == (Outcome.DENIED, Reason.INTERNAL)


@pytest.mark.parametrize("required", [Modality.FACE, Modality.VOICE])
def test_whoever_turned_has_to_be_who_is_compared(engines: Engines, gallery: Known, required: Modality):
    """The astronaut looks into the camera; it is somebody else who turns the head."""
    policy = replace(POLICY, required_modalities=frozenset({required}), gates={**POLICY.gates, Gate.LIPS: Rule.ADVISE})
    asked = steps_of(Kind.TURN)
    seconds = asked[-1]["ends"] + 0.2
    own = acting.acted_frames("astronaut", [], seconds)
    frames = [
        other if any(step["starts"] + 0.3 < index / media.FRAME_RATE < step["ends"] for step in asked) else mine
        for index, (mine, other) in enumerate(zip(own, acting.acted_frames("guest", asked, seconds), strict=True))
    ]
    frames += own[:12]
    voice = acting.said("astronaut", "90817263")
    given = Sample(frames=tuple(frames), frame_times=tuple(media.times_of(frames)), voice=voice)

    assert decide(engines, gallery, given, asked, policy).outcome is Outcome.DENIED


def test_what_comes_long_after_the_challenge_is_not_taken(engines: Engines, gallery: Known):
    asked = steps_of(Kind.TURN)
    frames = acting.acted_frames("astronaut", asked, asked[-1]["ends"] + 3.0)
    given = Sample(frames=tuple(frames), frame_times=tuple(media.times_of(frames)))

    assert decide(engines, gallery, given, asked).reason is Reason.TOO_FEW_FRAMES


def test_a_voice_that_speaks_after_the_pictures_is_not_heard(engines: Engines, gallery: Known):
    both = replace(POLICY, required_modalities=frozenset({Modality.FACE, Modality.VOICE}))
    later = np.concatenate([np.zeros(5 * media.RATE, np.float32), acting.said("astronaut", "90817263")])
    given = replace(sample([]), voice=later)

    verdict = Cascade(engines).run(given, Claim(ADA), gallery, both, lambda result: None)

    assert verdict.outcome is Outcome.DENIED


def test_the_same_capture_again_is_a_replay(engines: Engines, gallery: Known):
    """With a fresh nonce and re-encoded: the pictures are those of before."""
    given = sample([])
    first = Cascade(engines).run(given, Claim(ADA), gallery, POLICY, lambda result: None)
    assert first.outcome is Outcome.GRANTED, (first.reason, first.results[-1].evidence)

    remembered = gallery.remembering(first.trace)
    again = replace(given, frames=tuple(media.decoded(media.jpeg(frame, quality=70)) for frame in given.frames))
    verdict = Cascade(engines).run(again, Claim(ADA), remembered, POLICY, lambda result: None)
    later = Cascade(engines).run(sample([], seed=2), Claim(ADA), remembered, POLICY, lambda result: None)

    assert (verdict.outcome, verdict.reason) == (Outcome.DENIED, Reason.REPLAYED)
    assert later.outcome is Outcome.GRANTED, later.reason


def test_a_voice_over_lips_that_rest_is_refused(engines: Engines, gallery: Known):
    voice = acting.said("astronaut", "90817263")
    given = replace(sample([]), voice=voice)

    verdict = Cascade(engines).run(given, Claim(ADA), gallery, POLICY, lambda result: None)

    assert (verdict.outcome, verdict.reason) == (Outcome.DENIED, Reason.LIPS_NOT_SPEAKING)


@pytest.mark.parametrize("gate", [Gate.PICTURE, Gate.FLAT, Gate.FORGERY])
def test_a_required_gate_without_its_model_refuses(engines: Engines, gallery: Known, gate: Gate):
    lacking = replace(engines, gates=replace(engines.gates, **{gate.value: None}))

    required = replace(POLICY, gates={**POLICY.gates, gate: Rule.REQUIRE})
    verdict = Cascade(lacking).run(sample([]), Claim(ADA), gallery, required, lambda result: None)
    advised = replace(POLICY, gates={**POLICY.gates, gate: Rule.ADVISE})
    despite = Cascade(lacking).run(sample([]), Claim(ADA), gallery, advised, lambda result: None)

    assert (verdict.outcome, verdict.reason) == (Outcome.DENIED, Reason.MODEL_MISSING)
    assert despite.outcome is Outcome.GRANTED, despite.reason


def test_the_page_and_the_check_draw_the_same_colours():
    """The check's false-alarm rate is counted over its own drawing; the web process may not load that code."""
    assert (PALETTE, SHORTEST, LONGEST) == (light.PALETTE, light.SHORTEST, light.LONGEST)
    for seed in range(20):
        assert draw_colours(random.Random(seed), 5.0) == light.draw_colours(random.Random(seed), 5.0)
