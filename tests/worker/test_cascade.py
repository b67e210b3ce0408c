"""The cascade on real models: who passes, who does not, and what is said."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest

from models.errors import ModelMissing
from tests import acting, media
from tests.captures import SENTENCES
from tests.media import Picture
from tests.people import VOICES, portrait
from worker import wiring
from worker.cascade.decode import decode_image
from worker.cascade.pipeline import Cascade
from worker.cascade.types import Claim, Gate, Modality, Outcome, Policy, Reason, Rule, Sample, StageOutcome, Verdict
from worker.engines.types import Engines

ADA = 1
# Voices here are laid over any frames, and a portrait that is bent by its mesh is neither a plane nor a head.
POLICY = Policy(gates=wiring.DEFAULT_RULES | {Gate.LIPS: Rule.ADVISE, Gate.FLAT: Rule.ADVISE})


class Known:
    """A gallery of arrays: the astronaut as person ADA."""

    def __init__(self, references: dict[tuple[str, int], np.ndarray], traces: Sequence[bytes] = ()) -> None:
        self._references = references
        self._traces = list(traces)

    def references(self, modality: str, person_ids: list[int]) -> dict[int, np.ndarray]:
        return {one: self._references[modality, one] for one in person_ids if (modality, one) in self._references}

    def search(self, modality: str, probe: np.ndarray, limit: int) -> list:
        found = [
            (person, float(vector @ probe)) for (kind, person), vector in self._references.items() if kind == modality
        ]
        return [wiring_neighbour(person, cosine) for person, cosine in sorted(found, key=lambda pair: -pair[1])[:limit]]

    def traces(self, person_id: int) -> list[bytes]:
        return self._traces

    def size(self, modality: str) -> int:
        return sum(kind == modality for kind, _ in self._references)

    def remembering(self, *traces: bytes) -> Known:
        """The same people, with these earlier captures."""
        return Known(self._references, traces)


def wiring_neighbour(person: int, cosine: float):
    from apps.identities.gallery import Neighbour

    return Neighbour(person, cosine)


@pytest.fixture
def decide(engines: Engines, gallery: Known) -> Callable[..., Verdict]:
    def run(sample: Sample, claim: Claim | None = None, policy: Policy | None = None) -> Verdict:
        observed: list = []
        verdict = Cascade(engines).run(sample, claim or Claim(ADA), gallery, policy or POLICY, observed.append)
        assert tuple(observed) == verdict.results
        return verdict

    return run


def speech(name: str, sentence: int = 0) -> np.ndarray:
    voice, pitch = VOICES[name]
    return media.spoken(SENTENCES[sentence], voice=voice, pitch=pitch)


def sample(frames: list[Picture], voice: np.ndarray | None = None) -> Sample:
    return Sample(frames=tuple(frames), frame_times=tuple(media.times_of(frames)), voice=voice)


def live(name: str) -> list[Picture]:
    return acting.acted_frames(name, [], media.SECONDS)


def refused_at(verdict: Verdict) -> tuple[str, Reason | None]:
    assert verdict.outcome is Outcome.DENIED
    assert verdict.person_id is None
    return verdict.results[-1].stage, verdict.reason


@pytest.mark.parametrize(("face", "voice"), [(True, False), (True, True)])
def test_the_person_passes_all_five_stages(decide, face: bool, voice: bool):
    verdict = decide(sample(live("astronaut"), speech("astronaut") if voice else None))

    assert (verdict.outcome, verdict.person_id) == (Outcome.GRANTED, ADA)
    assert [result.outcome for result in verdict.results] == [StageOutcome.PASSED] * 5
    assert all(result.milliseconds >= 0 and result.evidence for result in verdict.results)


def test_voice_alone_passes_where_policy_asks_for_voice_alone(decide):
    policy = Policy(
        prior=0.5,
        required_modalities=frozenset({Modality.VOICE}),
        gates=dict.fromkeys(Gate, Rule.OFF),
        liveness_required=False,
        deepfake_required=False,
    )

    verdict = decide(Sample(voice=speech("astronaut", 1)), policy=policy)

    assert verdict.outcome is Outcome.GRANTED
    assert "face" not in verdict.results[3].evidence


def test_another_person_with_the_right_name_is_refused(decide):
    assert refused_at(decide(sample(live("guest")))) == ("confidence", Reason.NO_MATCH)


def test_the_right_face_with_another_voice_is_believed_less(decide):
    own = decide(sample(live("astronaut"), speech("astronaut")))
    other = decide(sample(live("astronaut"), speech("guest")))

    assert other.results[3].llr < own.results[3].llr


def test_a_claim_to_nobody_is_refused_after_the_same_work(decide):
    verdict = decide(sample(live("astronaut")), Claim(person_id=None))

    assert refused_at(verdict) == ("fusion", Reason.NO_REFERENCE)
    assert len(verdict.results) == 4


@pytest.mark.parametrize(
    ("frames", "reason"),
    [
        (media.still_frames, Reason.NO_BLINK),
        (lambda still: [still] * 48, Reason.STREAM_NOT_LIVE),
        (lambda still: media.still_frames(still)[:5], Reason.TOO_FEW_FRAMES),
    ],
    ids=["a photograph in a hand", "one frame repeated", "five frames"],
)
def test_what_is_not_live_is_refused(decide, frames, reason: Reason):
    assert refused_at(decide(sample(frames(portrait("astronaut"))))) == ("liveness", reason)


def test_times_that_do_not_rise_are_no_recording(decide):
    frames = live("astronaut")
    backwards = tuple(reversed(media.times_of(frames)))

    assert refused_at(decide(Sample(frames=tuple(frames), frame_times=backwards))) == (
        "liveness",
        Reason.TOO_FEW_FRAMES,
    )


def test_a_face_that_changes_midway_is_refused(decide):
    """Another face is another shape too: whichever gate sees it first."""
    frames = live("guest")[:24] + live("astronaut")[24:]

    assert refused_at(decide(sample(frames)))[0] in {"liveness", "embedding"}


def test_a_photograph_spliced_between_the_frames_of_somebody_who_blinks_is_refused(decide):
    frames = live("guest")
    for index in (7, 8, 9, 23, 24, 25, 39, 40, 41):
        frames[index] = portrait("astronaut")

    assert decide(sample(frames)).outcome is Outcome.DENIED


@pytest.mark.parametrize("share", [0.8, 0.9])
def test_a_photograph_with_somebody_elses_blink_is_refused(decide, share: float):
    frames = media.still_frames(portrait("astronaut"))
    blinking = live("guest")
    middle = len(frames) // 2
    half = round(len(frames) * (1 - share) / 2) + 2
    frames[middle - half : middle + half] = blinking[8 : 8 + 2 * half]

    assert decide(sample(frames)).outcome is Outcome.DENIED


def test_a_reference_that_is_no_number_matches_nobody(engines: Engines, gallery: Known):
    broken = Known({("face", ADA): np.full(engines.face.card.width, np.nan, np.float32)})

    verdict = Cascade(engines).run(sample(live("astronaut")), Claim(ADA), broken, POLICY, lambda result: None)

    assert refused_at(verdict) == ("fusion", Reason.INTERNAL)


def test_no_face_and_two_faces_are_told_apart(decide):
    face = portrait("astronaut")
    two = np.concatenate([face[:, 160:480], face[:, 160:480]], axis=1)

    assert refused_at(decide(sample(media.still_frames(face[:110])))) == ("liveness", Reason.NO_FACE)
    assert refused_at(decide(sample(media.still_frames(two)))) == ("liveness", Reason.SEVERAL_FACES)


def test_without_frames_the_liveness_gate_is_shut(decide):
    verdict = decide(Sample(voice=speech("astronaut")))

    assert refused_at(verdict) == ("liveness", Reason.MODALITY_MISSING)


@pytest.mark.parametrize(
    ("voice", "reason"),
    [
        (None, Reason.MODALITY_MISSING),
        (np.zeros(48_000, np.float32), Reason.AUDIO_SILENT),
        (np.clip(40 * media.spoken(SENTENCES[0]), -1, 1), Reason.AUDIO_CLIPPED),
        (np.random.default_rng(0).normal(0, 0.1, 48_000).astype(np.float32), Reason.NO_SPEECH),
    ],
    ids=["missing", "silence", "clipping", "noise"],
)
def test_a_required_voice_has_to_be_usable(decide, voice: np.ndarray | None, reason: Reason):
    both = replace(POLICY, required_modalities=frozenset({Modality.FACE, Modality.VOICE}))

    assert refused_at(decide(sample(live("astronaut"), voice), policy=both)) == ("embedding", reason)


def test_between_the_limits_the_outcome_is_a_second_factor(decide):
    verdict = decide(
        sample(live("astronaut")), policy=replace(POLICY, confidence_low=0.4, confidence_high=0.9999999999)
    )

    assert (verdict.outcome, verdict.borderline) == (Outcome.REQUIRE_2FA, True)
    assert verdict.results[-1].outcome is StageOutcome.BORDERLINE


def test_a_fault_in_a_stage_refuses(engines: Engines, gallery: Known):
    broken = replace(engines, face=Broken(engines.face.card))

    verdict = Cascade(broken).run(sample(live("astronaut")), Claim(ADA), gallery, POLICY, lambda result: None)

    assert refused_at(verdict) == ("embedding", Reason.INTERNAL)


class Broken:
    def __init__(self, card) -> None:
        self.card = card

    def embed(self, image, face):
        raise RuntimeError("the network is gone")


def test_time_that_runs_out_refuses(decide):
    verdict = decide(sample(live("astronaut")), policy=replace(POLICY, max_seconds=0.05))

    assert refused_at(verdict)[1] is Reason.TIMED_OUT


def test_an_unknown_policy_is_an_error_and_not_the_weakest_one():
    with pytest.raises(ValueError, match="no policy named"):
        wiring.policy_named("logn")


def test_an_unknown_pack_is_missing(engines: Engines):
    with pytest.raises(ModelMissing):
        wiring.runtime.get("no-such-pack")
    with pytest.raises(ModelMissing):
        wiring.runtime.get("minifasnet")


def test_a_truncated_picture_says_so():
    from worker.cascade.types import CaptureUnusable

    whole = media.jpeg(portrait("astronaut"))
    with pytest.raises(CaptureUnusable) as unusable:
        decode_image(whole[: len(whole) // 2])
    assert unusable.value.reason is Reason.IMAGE_TRUNCATED
