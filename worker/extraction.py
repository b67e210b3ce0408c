"""Sample files to a feature file: decoded, degraded, judged, embedded, and what else they show beside the person."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from models.data.degrade import FACE_CONDITIONS, VOICE_CONDITIONS, degrade_face, degrade_voice, seed_of
from models.data.features import CLEAN, FACE, Failure, FeatureStore, Header, Key, Sample
from models.data.layouts import SampleFile
from worker.cascade.decode import decode_audio, decode_image
from worker.cascade.quality import Quality, face_quality, speech_only, voice_quality
from worker.cascade.types import CaptureUnusable, Reason
from worker.engines.context import ContextEngine
from worker.engines.squares import square_around
from worker.engines.types import Engines, Vector

CONTEXT_VERSION = 1


class Happened(StrEnum):
    EXTRACTED = "extracted"
    FAILED = "failed"
    KNOWN = "already there"  # extracted before, or failed before on the same content


@dataclass(frozen=True, slots=True)
class Event:
    """What happened to one sample under one condition; ``reason`` is empty unless it failed."""

    key: Key
    happened: Happened
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Measured:
    """What the engines say of one sample."""

    vector: Vector
    quality: Quality
    context: Vector


Measure = Callable[[str, int], Measured]  # condition and seed


def header_of(engines: Engines) -> Header:
    """What a feature file of these engines says of them."""
    face, voice = engines.face.card, engines.voice.card
    return Header(
        pack=engines.pack,
        face_model=face.name,
        face_sha256=face.sha256,
        face_width=face.width,
        voice_model=voice.name,
        voice_sha256=voice.sha256,
        voice_width=voice.width,
        context_version=CONTEXT_VERSION,
    )


def conditions_of(modality: str, *, clean_only: bool) -> tuple[str, ...]:
    if clean_only:
        return (CLEAN,)
    return FACE_CONDITIONS if modality == FACE else VOICE_CONDITIONS


class Extractor:
    """Puts samples into a feature file, one at a time; what the file has already is not looked at again."""

    def __init__(self, engines: Engines, context: ContextEngine, store: FeatureStore) -> None:
        self._engines = engines
        self._context = context
        self._store = store
        self._known = store.done()

    def extract(self, file: SampleFile, conditions: tuple[str, ...]) -> Iterator[Event]:
        """Extract a sample under each condition; each is stored before its event is given."""
        contents, sha256 = _read(file)
        keys = [Key(file.modality, file.dataset, file.source, condition, sha256) for condition in conditions]
        yield from (Event(key, Happened.KNOWN) for key in keys if key in self._known)
        wanted = [key for key in keys if key not in self._known]
        if not wanted:
            return
        try:
            measure = self._opened(file, contents)
        except CaptureUnusable as error:
            yield from (self._failed(file, key, error.reason) for key in wanted)
            return
        for key in wanted:
            try:
                yield self._extracted(file, key, measure(key.condition, seed_of(key.source, key.condition)))
            except CaptureUnusable as error:
                yield self._failed(file, key, error.reason)

    def _opened(self, file: SampleFile, contents: list[bytes]) -> Measure:
        if file.modality == FACE:
            return opened_face(contents[0], self._engines, self._context)
        return opened_voice(contents, self._engines, self._context)

    def _extracted(self, file: SampleFile, key: Key, measured: Measured) -> Event:
        reasons = measured.quality.reasons
        sample = Sample(
            key=key,
            identity=file.identity,
            session=file.session,
            quality=measured.quality.score,
            refused=reasons[0].value if reasons else "",
            embedding=measured.vector,
            context=measured.context,
        )
        self._store.add(sample)
        return Event(key, Happened.EXTRACTED)

    def _failed(self, file: SampleFile, key: Key, reason: Reason) -> Event:
        self._store.add_failure(Failure(key, file.identity, reason.value))
        return Event(key, Happened.FAILED, reason.value)


def opened_face(content: bytes, engines: Engines, context: ContextEngine) -> Measure:
    """A picture's largest face, ready to be measured under a condition.

    Raises:
        CaptureUnusable: the picture cannot be read; measuring it raises where no face is found, too.
    """
    image = decode_image(content)
    clean = engines.detector.detect(image)
    side = square_around(clean[0])[2] if clean else None

    def measure(condition: str, seed: int) -> Measured:
        picture = degrade_face(image, condition, seed, side=side)
        faces = clean if condition == CLEAN else engines.detector.detect(picture)
        if not faces:
            raise CaptureUnusable(Reason.NO_FACE)
        vector = _usable(lambda: engines.face.embed(picture, faces[0]))
        return Measured(vector, face_quality(picture, faces[0]), context.face(picture, faces[0]))

    return measure


def opened_voice(contents: list[bytes], engines: Engines, context: ContextEngine) -> Measure:
    """Recordings joined, ready to be measured under a condition.

    Raises:
        CaptureUnusable: one cannot be read; measuring them raises where nobody is heard to speak, too.
    """
    voice = np.concatenate([decode_audio(content) for content in contents])

    def measure(condition: str, seed: int) -> Measured:
        heard = degrade_voice(voice, condition, seed)
        segments = engines.speech.segments(heard)
        if not segments:
            raise CaptureUnusable(Reason.NO_SPEECH)
        vector = _usable(lambda: engines.voice.embed(speech_only(heard, segments)))
        return Measured(vector, voice_quality(heard, segments), context.voice(heard, segments))

    return measure


def _usable(embed: Callable[[], Vector]) -> Vector:
    """An embedding that points somewhere; one that does not must match nobody."""
    try:
        vector = embed()
    except ValueError as error:
        raise CaptureUnusable(Reason.INTERNAL) from error
    if not np.isfinite(vector).all():
        raise CaptureUnusable(Reason.INTERNAL)
    return vector


def _read(file: SampleFile) -> tuple[list[bytes], str]:
    """What the files hold, nothing where one cannot be opened: no decoder takes that; and the hash over all."""
    digest = hashlib.sha256()
    contents = []
    for path in file.paths:
        try:
            contents.append(path.read_bytes())
        except OSError:
            contents.append(b"")
        digest.update(contents[-1])
    return contents, digest.hexdigest()
