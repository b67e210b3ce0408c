"""The protocol of a stage."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from worker.cascade.ports import Gallery
from worker.cascade.types import Candidate, ChallengeStep, Claim, FaceView, Modality, Policy, Sample, StageResult
from worker.engines.types import Mesh, Vector


@dataclass(slots=True)
class Context:
    """The state of one run. A stage reads what earlier stages wrote; each field names its one writer."""

    sample: Sample
    claim: Claim
    gallery: Gallery
    policy: Policy
    challenge: tuple[ChallengeStep, ...] = ()
    views: tuple[FaceView, ...] = ()  # pipeline, before the first stage: the faces found
    meshes: tuple[Mesh | None, ...] = ()  # liveness: one for each view
    speech: list[tuple[float, float]] | None = None  # liveness: spans in seconds of the recording, where there is one
    acted: tuple[tuple[FaceView, ...], ...] = ()  # liveness: for each step of the challenge, frames within its time
    blinking: FaceView | None = None  # liveness: the frame in which the eyes are most closed
    probes: dict[Modality, Vector] = field(default_factory=dict)  # embedding
    qualities: dict[Modality, float] = field(default_factory=dict)  # embedding: in [0, 1]
    candidates: tuple[Candidate, ...] = ()  # fusion, best first
    trace: bytes = b""  # confidence: what to keep of the capture to know it again


class Stage(Protocol):
    """One step of the cascade.

    A stage SHALL have a ``name`` that is unique in the pipeline.
    A stage SHALL refuse when what policy requires of it is missing: a model, a modality, enough frames.
    A stage SHALL put every cue it looked at into ``evidence``, as plain JSON values.
    A stage SHALL NOT know other stages, the database or the network.
    A stage MAY raise ``CaptureUnusable`` to refuse; any other exception is a fault and refuses with ``internal``.
    """

    name: str

    def run(self, context: Context) -> StageResult: ...
