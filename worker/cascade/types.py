"""What travels through the cascade. Everything is frozen; arrays are never written to after they were made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from models.evaluation.decision import Stakes
from worker.engines.types import DetectedFace, Image, Waveform


class Modality(StrEnum):
    FACE = "face"
    VOICE = "voice"


class Outcome(StrEnum):
    GRANTED = "GRANTED"
    DENIED = "DENIED"
    REQUIRE_2FA = "REQUIRE_2FA"


class StageOutcome(StrEnum):
    PASSED = "passed"
    REFUSED = "refused"
    BORDERLINE = "borderline"  # the confidence gate only
    NOT_REQUIRED = "not_required"  # policy does not ask for this stage; never said of a stage that could not run


class Reason(StrEnum):
    """Why a stage refused. Every value is also an ``apps.errors.ErrorCode``, which holds the sentence for it."""

    IMAGE_UNREADABLE = "image_unreadable"
    IMAGE_TRUNCATED = "image_truncated"
    AUDIO_UNREADABLE = "audio_unreadable"
    AUDIO_RATE_UNSUPPORTED = "audio_rate_unsupported"
    AUDIO_TOO_SHORT = "audio_too_short"
    AUDIO_TOO_LONG = "audio_too_long"
    AUDIO_SILENT = "audio_silent"
    AUDIO_CLIPPED = "audio_clipped"
    AUDIO_NOISY = "audio_noisy"
    NO_FACE = "no_face"
    SEVERAL_FACES = "several_faces"
    FACE_TOO_SMALL = "face_too_small"
    FACE_TURNED = "face_turned"
    FACE_BLURRED = "face_blurred"
    FACE_TOO_DARK = "face_too_dark"
    FACE_TOO_BRIGHT = "face_too_bright"
    NO_SPEECH = "no_speech"
    MODALITY_MISSING = "modality_missing"
    MODEL_MISSING = "model_missing"
    NOT_LIVE = "not_live"
    NO_BLINK = "no_blink"
    BLINKS_NOT_SEEN = "blinks_not_seen"
    TURN_NOT_SEEN = "turn_not_seen"
    LIGHT_NOT_SEEN = "light_not_seen"
    LIGHT_UNCLEAR = "light_unclear"
    DIGITS_NOT_HEARD = "digits_not_heard"
    LIPS_NOT_SPEAKING = "lips_not_speaking"
    STREAM_NOT_LIVE = "stream_not_live"
    VOICE_NOT_NATURAL = "voice_not_natural"
    REPLAYED = "replayed"
    TOO_FEW_FRAMES = "too_few_frames"
    MANIPULATED = "manipulated"
    NO_REFERENCE = "no_reference"
    NO_MATCH = "no_match"
    UNCERTAIN = "uncertain"
    TIMED_OUT = "timed_out"
    INTERNAL = "internal"


class Gate(StrEnum):
    """What can refuse a capture before, or in spite of, a match."""

    STREAM = "stream"  # the frames come from a running camera: nothing frozen, looped, timed by a machine
    PICTURE = "picture"  # passive presentation attack detection on single frames, by cues
    MINIFASNET = "minifasnet"  # the same by a published network, where its weights are at hand
    VIT = "vit"  # the same by a vision transformer that the operator has trained
    FLAT = "flat"  # the head is no plane
    LIPS = "lips"  # the lips that move are those of the voice
    FORGERY = "forgery"  # swapped, blended or made-up faces
    VOICE_SPOOF = "voice_spoof"  # synthetic, converted or replayed voices
    REPLAY = "replay"  # an earlier capture of the same person, again


class Rule(StrEnum):
    """What policy makes of a gate."""

    REQUIRE = "require"  # it has to pass; when it cannot judge, the capture is refused
    ADVISE = "advise"  # into the evidence only
    OFF = "off"  # not looked at


# Where the operator says nothing. These two refuse too many people for the attacks that they find (docs/gates.md).
DEFAULT_RULES: dict[Gate, Rule] = {Gate.FORGERY: Rule.ADVISE, Gate.VOICE_SPOOF: Rule.ADVISE}


class CaptureUnusable(Exception):
    """The capture cannot be worked on: a clear refusal, not a fault of the system."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.value)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Sample:
    """One decoded capture.

    Arguments:
        frames: RGB pictures in the order of time; may be empty.
        frame_times: seconds since the first frame, one a frame; empty when the client did not say.
        voice: mono at 16 kHz, or None.
        voice_starts: seconds from the first frame to the first sound.
    """

    frames: tuple[Image, ...] = ()
    frame_times: tuple[float, ...] = ()
    voice: Waveform | None = None
    voice_starts: float = 0.0


@dataclass(frozen=True, slots=True)
class ChallengeStep:
    """One thing that the person was asked to do, between two moments in seconds since the first frame.

    Arguments:
        count: of blinks. side: ``left`` or ``right``, the person's own, to turn to. digits: to be said in this order.
        colours: (starts at, sRGB) as the screen showed them.
    """

    kind: str
    starts: float
    ends: float
    count: int = 0
    side: str = ""
    digits: str = ""
    colours: tuple[tuple[float, tuple[int, int, int]], ...] = ()

    @classmethod
    def from_values(cls, values: dict[str, Any]) -> ChallengeStep:
        """Raises TypeError for a step that this worker does not know; it must not pass for done."""
        colours = tuple((float(at), (int(r), int(g), int(b))) for at, (r, g, b) in values.get("colours", ()))
        return cls(**{**values, "colours": colours})


@dataclass(frozen=True, slots=True)
class Claim:
    """Who the person says to be. ``one_to_many`` asks who it is; then ``person_id`` is None.

    ``person_id`` None without ``one_to_many`` is a claim to a name that nobody has: the cascade runs all the same,
    finds no reference and refuses, so that time tells a stranger nothing.
    """

    person_id: int | None
    one_to_many: bool = False


@dataclass(frozen=True, slots=True)
class Policy:
    """What has to hold for a pass.

    Arguments:
        name: shown in evidence and audit.
        prior: probability, before looking, that the claim is true (1:1) or that the person is enrolled (1:N).
        cost_false_match, cost_false_non_match: what the two errors cost; only their ratio matters.
        confidence_low, confidence_high: the borderline band of the posterior.
        required_modalities: both missing and unusable ones refuse.
        gates: what is made of each gate; unsaid is required.
        liveness_required, deepfake_required: False only for comparisons that authenticate nobody.
        max_seconds: the cascade's time limit.
    """

    name: str = "login"
    prior: float = 0.01
    cost_false_match: float = 1.0
    cost_false_non_match: float = 1.0
    confidence_low: float = 0.40
    confidence_high: float = 0.60
    required_modalities: frozenset[Modality] = frozenset({Modality.FACE})
    gates: Mapping[Gate, Rule] = field(default_factory=dict)
    liveness_required: bool = True
    deepfake_required: bool = True
    max_seconds: float = 20.0

    def rule(self, gate: Gate) -> Rule:
        return self.gates.get(gate, Rule.REQUIRE)

    @property
    def effective_prior(self) -> float:
        """The prior with the costs of both errors in it, which the confidence gate's posterior starts from."""
        return Stakes(self.prior, self.cost_false_match, self.cost_false_non_match).effective_prior


@dataclass(frozen=True, slots=True)
class FaceView:
    """The one face of one frame; ``frame`` is an index into ``Sample.frames``."""

    frame: int
    face: DetectedFace


@dataclass(frozen=True, slots=True)
class StageResult:
    """What one stage found. ``evidence`` holds plain JSON values, every cue by name."""

    stage: str
    outcome: StageOutcome
    reason: Reason | None = None
    llr: float | None = None
    evidence: dict[str, Any] = field(default_factory=dict)
    milliseconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Candidate:
    """Someone the probe may be: natural-log likelihood ratio, and posterior among all candidates and nobody."""

    person_id: int
    llr: float
    posterior: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """The end of the cascade. ``borderline`` says that a cognitive challenge is due before anything is granted;
    ``trace`` is what to keep of the capture to know it again."""

    outcome: Outcome
    reason: Reason | None
    results: tuple[StageResult, ...]
    person_id: int | None = None
    posterior: float | None = None
    borderline: bool = False
    candidates: tuple[Candidate, ...] = ()
    milliseconds: float = 0.0
    trace: bytes = b""
