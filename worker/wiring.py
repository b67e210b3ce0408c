"""Where the cascade meets Django: settings become a policy, bundles become samples, engines become callables.

The cascade and the engines know no Django; this module and ``worker.tasks`` are the only ones that know both.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from functools import cache

from django.conf import settings

from apps.captures.bundle import Bundle
from apps.identities.gallery import StoredGallery
from apps.identities.services.gallery import answering_pack
from apps.policies.selectors import current_policy
from apps.policies.values import IF_THERE
from models.registry import Places
from worker import runtime
from worker.cascade import presence
from worker.cascade.decode import decode_audio, decode_image
from worker.cascade.embed import SampleEmbedding, embed_sample
from worker.cascade.pipeline import Cascade
from worker.cascade.presence import Presence, Remembered
from worker.cascade.types import DEFAULT_RULES, CaptureUnusable, ChallengeStep, Gate, Modality, Policy, Rule, Sample
from worker.engines.types import Calibration, Engines

LOGIN = "login"
COMPARISON = "comparison"


def engines(pack: str | None = None) -> Engines:
    """The engines of ``pack``, or of the pack that the gallery answers with; built and warmed once a process.

    Raises:
        models.errors.ModelMissing: weights or a calibration are not at hand.
    """
    configure_runtime()
    return runtime.get(pack or answering_pack(settings.ENV.pack))


def loaded() -> dict[str, object]:
    """What this worker runs on: the pack, and the gates whose weights or calibrations are not at hand."""
    built = engines()
    missing = sorted(one.name for one in fields(built.gates) if getattr(built.gates, one.name) is None)
    return {"pack": built.pack, "missing": missing}


def places() -> Places:
    """Where this process looks for weights."""
    return Places(models_dir=settings.ENV.models_dir, state_dir=settings.ENV.state_dir)


@cache
def configure_runtime() -> None:
    env = settings.ENV
    runtime.configure(
        models_dir=env.models_dir,
        state_dir=env.state_dir,
        threads=env.threads,
        providers=env.providers,
        fusion=env.fusion,
    )


def cards() -> list[dict[str, object]]:
    """What the configured pack's recognition models and its fusion are, for ``ModelVersion``."""
    configure_runtime()
    return _recognition_cards() + _fusion_cards()


def _recognition_cards() -> list[dict[str, object]]:
    return [
        {
            "modality": card.modality,
            "name": card.name,
            "pack": card.pack,
            "sha256": card.sha256,
            "width": card.width,
            "licence": card.licence,
            "calibration": calibration_values(card.calibration),
        }
        for card in runtime.cards(settings.ENV.pack)
    ]


def _fusion_cards() -> list[dict[str, object]]:
    """One for each of what can be compared: face and voice, face alone, voice alone."""
    card = runtime.fusion_card(settings.ENV.pack)
    if card is None:
        return []
    return [
        {
            "modality": "fusion",
            "name": record.model,
            "pack": card.pack,
            "sha256": record.sha256,
            "width": 0,
            "licence": "Apache-2.0",
            "calibration": record.to_json(),
        }
        for record in card.calibrations.values()
    ]


def calibration_values(calibration: Calibration) -> dict[str, object]:
    """The whole record as plain values, or what little is known without one."""
    if calibration.record is not None:
        return calibration.record.to_json()
    return {
        "name": calibration.name,
        "slope": calibration.slope,
        "offset": calibration.offset,
        "identities": calibration.identities,
        "trials": calibration.trials,
    }


def cascade(pack: str | None = None) -> Cascade:
    return Cascade(engines(pack))


def policy_named(name: str) -> Policy:
    """The policy of a capture, as it holds now.

    ``comparison`` says only whether two samples are of one person. It checks neither liveness nor manipulation
    and authenticates nobody; only the command line uses it.

    Raises:
        ValueError: there is no policy of that name; an unknown name must not mean the weakest policy.
        apps.errors.CosmicError: ``policy_unreadable``.
    """
    if name not in (LOGIN, COMPARISON):
        raise ValueError(f"no policy named {name!r}")
    held = current_policy()
    policy = Policy(
        name=name,
        prior=held.prior,
        cost_false_match=held.cost_false_match,
        cost_false_non_match=held.cost_false_non_match,
        confidence_low=held.confidence_low,
        confidence_high=held.confidence_high,
        required_modalities=frozenset(Modality(modality) for modality in held.required_modalities),
        gates=DEFAULT_RULES | {Gate(gate): Rule(rule) for gate, rule in held.gates.items() if rule != IF_THERE},
    )
    if name == LOGIN:
        return policy
    off = dict.fromkeys(Gate, Rule.OFF)
    return replace(policy, required_modalities=frozenset(), gates=off, liveness_required=False, deepfake_required=False)


def watch(frame: bytes, person_id: int, memory: bytes) -> tuple[Presence, bytes]:
    """Whether one small frame shows the person, alone and live, and what to remember of it.

    A frame that cannot be read shows nobody; a person without a reference, or whom the gallery does not let in, is nobody.
    """
    pack = answering_pack(settings.ENV.pack)
    try:
        image = decode_image(frame)
    except CaptureUnusable:
        return Presence.NO_FACE, b""
    references = StoredGallery(pack).references(Modality.FACE, [person_id])
    seen, remembered = presence.watch(image, list(references.values()), Remembered.from_bytes(memory), engines(pack))
    return seen, remembered.to_bytes()


def sample_from(bundle: Bundle) -> Sample:
    """Decode a bundle.

    Raises:
        worker.cascade.types.CaptureUnusable: a picture or the sound cannot be read.
    """
    return Sample(
        frames=tuple(decode_image(frame) for frame in bundle.frames),
        frame_times=tuple(bundle.frame_times),
        voice=decode_audio(bundle.voice) if bundle.voice is not None else None,
        voice_starts=bundle.voice_starts,
    )


def challenge_from(steps: list[dict]) -> tuple[ChallengeStep, ...]:
    """The steps that a ticket holds.

    Raises:
        TypeError: one is of a kind that this worker does not know.
    """
    return tuple(ChallengeStep.from_values(step) for step in steps)


def embed_for_enrolment(pack: str | None = None) -> Callable[[str, bytes], SampleEmbedding]:
    """``embed(modality, content)`` for enrolment and rebuild; raises ``CaptureUnusable``, whose ``reason`` says why."""
    loaded = engines(pack)

    def embed(modality: str, content: bytes) -> SampleEmbedding:
        return embed_sample(Modality(modality), content, loaded)

    return embed


def llr_for(pack: str | None = None) -> Callable[[str, float], float]:
    """``llr(modality, cosine)``: natural-log likelihood ratio by the pack's calibration; ValueError if it is no number."""
    loaded = engines(pack)
    calibrations = {Modality.FACE: loaded.face.card.calibration, Modality.VOICE: loaded.voice.card.calibration}

    def llr(modality: str, cosine: float) -> float:
        return calibrations[Modality(modality)].llr(cosine)

    return llr
