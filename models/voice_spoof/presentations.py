"""Recorded people and attacks from a folder of research data, all sent through the same drawn channel.

Bona fide are several corpora in several languages, so that "bona fide" means no microphone. Attacks are what neural
vocoders made of sentences at hand, espeak-ng, and speech made anew from the very recordings that are bona fide.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from models.evaluation.pad import BONA_FIDE
from models.voice_spoof.attacks import griffin_lim, loudspeaker, parametric_vocoder
from models.voice_spoof.channel import RATE, Voice, recorded
from models.voice_spoof.espeak import Espeak

CORPORA = {
    "baved": ("speech/baved",),
    "ravdess": ("speech/ravdess",),
    "urdu": ("speech/urdu",),
    "emodb": ("speech/emodb",),
    "librispeech": ("speech/librispeech", "speech/librispeech_single"),
    "fsdd": ("digits/fsdd",),
}
VOCODERS = "voice_spoof/vocoders/samples"
GROUND_TRUTH = "GT"
REMADE = {"griffin_lim": griffin_lim, "parametric_vocoder": parametric_vocoder, "loudspeaker": loudspeaker}
SECONDS = (2.0, 4.0)  # of a presentation
EACH_CORPUS = 50  # bona fide presentations
PIECES = 2  # of a long sentence
PASSES = 4  # over an attack instrument's share of the corpora
# Sentences and digits, so that no language belongs to the attacks alone.
TEXTS = {
    "en-us": "My voice is my password, please let me in. Three nine two seven.",
    "en": "The quick brown fox jumps over the lazy dog. Zero four eight one.",
    "de": "Heute ist schönes Frühlingswetter, bitte öffnen Sie die Tür. Fünf sechs zwei.",
    "fr": "Je voudrais entrer dans la maison. Quatre sept un neuf.",
    "es": "Mi voz es mi contraseña, abra la puerta. Cinco dos ocho.",
    "it": "La mia voce apre la porta di casa. Sette tre uno.",
    "pt": "Minha voz abre a porta da casa. Seis quatro zero.",
    "ru": "Откройте дверь, пожалуйста. Три восемь один пять.",
    "ar": "افتح الباب من فضلك. ثلاثة سبعة واحد خمسة.",
    "ur": "براہ کرم دروازہ کھول دیں, تین پانچ سات",
}
VARIANTS = ("", "+f1", "+f2", "+f4", "+m2", "+m3", "+m7", "+croak")
ESPEAKS = 70


@dataclass(frozen=True, slots=True)
class Presentation:
    """``voice`` (samples,) at 16 kHz, who is heard, from which data set, and how it was attacked."""

    voice: Voice
    instrument: str
    subject: str
    dataset: str


def presentations(data: Path) -> Iterator[Presentation]:
    """All of them, in one order for one folder.

    Raises:
        FileNotFoundError: a corpus is not under ``data``.
    """
    people = [one for corpus in CORPORA for one in _people(data, corpus)]
    for clean in people + list(_vocoders(data)) + list(_espeaks()) + list(_remade(people)):
        seed = zlib.crc32(f"{clean.instrument}/{clean.subject}/{len(clean.voice)}/{clean.voice[:999].sum()}".encode())
        yield Presentation(recorded(clean.voice, seed), clean.instrument, clean.subject, clean.dataset)


def _people(data: Path, corpus: str) -> list[Presentation]:
    """EACH_CORPUS presentations, evenly over speakers; short words and digits of one speaker are joined."""
    speakers = [folder for root in CORPORA[corpus] for folder in sorted((data / root).iterdir())]
    found: list[Presentation] = []
    for turn in range(-(-EACH_CORPUS // len(speakers))):
        for folder in speakers:
            draw = np.random.default_rng([zlib.crc32(folder.name.encode()), turn])
            voice = _joined(folder, draw)
            if len(found) < EACH_CORPUS and len(voice) > RATE * 1.5:
                found.append(Presentation(voice, BONA_FIDE, f"{corpus}/{folder.name}", corpus))
    return found


def _joined(folder: Path, draw: np.random.Generator) -> Voice:
    seconds, parts = draw.uniform(*SECONDS), []
    for path in draw.permutation([str(one) for one in sorted(folder.glob("*.flac"))]):
        parts.append(soundfile.read(path, dtype="float32")[0])
        if sum(map(len, parts)) >= SECONDS[0] * RATE * 0.98:  # one sentence where it is long enough
            break
    return np.concatenate(parts)[: int(seconds * RATE)]


def _vocoders(data: Path) -> Iterator[Presentation]:
    """What neural vocoders made, and the recordings they made it from; a subject is a set of sentences."""
    for path in sorted((data / VOCODERS).glob("*/*/*.flac")):
        voice, _ = soundfile.read(path, dtype="float32")
        sentences, kind = path.parent.parent.name, path.parent.name
        instrument = BONA_FIDE if kind == GROUND_TRUTH else "neural_vocoder"
        draw = np.random.default_rng(zlib.crc32(path.name.encode()))
        for piece in range(PIECES):
            start = piece * len(voice) // PIECES
            part = voice[start : start + int(draw.uniform(*SECONDS) * RATE)]
            yield Presentation(part, instrument, f"vocoders/{sentences}", "vocoders")


def _espeaks() -> Iterator[Presentation]:
    espeak, draw = Espeak(), np.random.default_rng(31)
    voices = [f"{language}{variant}" for variant in VARIANTS for language in TEXTS]
    for index in range(ESPEAKS):
        voice = voices[index % len(voices)]
        pitch, speed = int(draw.integers(20, 80)), int(draw.integers(120, 190))
        sound = espeak.speak(TEXTS[voice.split("+")[0]], voice=voice, pitch=pitch, speed=speed)
        seconds = draw.uniform(*SECONDS)
        start = int(draw.uniform(0, max(len(sound) / RATE - seconds, 0.01)) * RATE)
        yield Presentation(sound[start : start + int(seconds * RATE)], "espeak", f"espeak/{voice}", "espeak")


def _remade(people: list[Presentation]) -> Iterator[Presentation]:
    """Each instrument remakes every PASSES-th recording of a person, starting at another one."""
    for offset, (instrument, remake) in enumerate(REMADE.items()):
        for index in range(offset, len(people), PASSES):
            one = people[index]
            yield Presentation(remake(one.voice, index), instrument, one.subject, one.dataset)
