"""The way from a voice to a file, drawn at random and the same for people and for attacks: band, level, noise, codec.

Corpora differ in their microphones, rates and codecs, and so would the classes, if one of them came from other corpora
than the other. After this they do so less.
"""

from __future__ import annotations

import io

import numpy as np
import soundfile
from numpy.typing import NDArray
from scipy.signal import butter, fftconvolve, sosfilt

Voice = NDArray[np.float32]
RATE = 16_000
# Codec and how often it is drawn; none twice as often as any other.
CODECS = (None, None, ("OGG", "OPUS"), ("OGG", "VORBIS"), ("MP3", "MPEG_LAYER_III"), ("WAV", "ULAW"))
HIGHEST = (3600.0, 7800.0)  # Hz
LOWEST = (20.0, 120.0)
PEAK = (0.05, 0.9)
NOISE = (25.0, 60.0)  # dB under the voice's power
NOISY = 0.6  # share of recordings that noise is added to
IN_A_ROOM = 0.4  # share that was spoken some way off; a room alone is no attack
ROOM_SECONDS, ROOM_DIRECT = (0.1, 0.4), (4.0, 16.0)  # reverberation time; dB of the direct sound over the room's


def recorded(voice: Voice, seed: int) -> Voice:
    """A voice (samples,), 16 kHz, as some device would have stored it; at least as long as before."""
    draw = np.random.default_rng((seed, 11))
    if draw.random() < IN_A_ROOM:
        voice = in_a_room(voice, draw.uniform(*ROOM_SECONDS), draw.uniform(*ROOM_DIRECT), draw)
    bounds = (draw.uniform(*LOWEST), draw.uniform(*HIGHEST))
    sound = sosfilt(butter(int(draw.integers(2, 5)), bounds, "bandpass", fs=RATE, output="sos"), voice)
    if draw.random() < NOISY:
        level = np.sqrt(np.mean(sound**2)) * 10 ** (-draw.uniform(*NOISE) / 20)
        sound = sound + _coloured(len(sound), draw) * level
    sound = sound * draw.uniform(*PEAK) / (np.abs(sound).max() + 1e-9)
    return _coded(sound.astype(np.float32), CODECS[draw.integers(len(CODECS))])


def in_a_room(voice: Voice, seconds: float, direct: float, draw: np.random.Generator) -> Voice:
    """A voice and the sound that a room adds to it: noise that falls by 60 dB in ``seconds`` (Polack's model).

    Arguments:
        direct: dB of the direct sound's energy over that of what the room adds.
    """
    time = np.arange(int(seconds * RATE)) / RATE
    tail = draw.standard_normal(len(time)) * 10 ** (-3 * time / seconds)
    tail[: RATE // 500] = 0.0  # the first wall is further than the mouth
    tail *= 10 ** (-direct / 20) / np.sqrt((tail**2).sum())
    return (voice + fftconvolve(voice, tail)[: len(voice)]).astype(np.float32)


def _coloured(samples: int, draw: np.random.Generator) -> NDArray[np.float64]:
    """Noise of unit power between white and red."""
    spectrum = np.fft.rfft(draw.standard_normal(samples))
    spectrum /= np.maximum(np.arange(len(spectrum)), 1) ** draw.uniform(0, 0.7)
    noise = np.fft.irfft(spectrum, samples)
    return noise / noise.std()


def _coded(sound: Voice, codec: tuple[str, str] | None) -> Voice:
    if codec is None:
        return (np.round(sound * 32767) / 32767).astype(np.float32)
    file = io.BytesIO()
    soundfile.write(file, sound, RATE, format=codec[0], subtype=codec[1])
    file.seek(0)
    decoded, rate = soundfile.read(file, dtype="float32")
    if rate != RATE:
        raise ValueError(f"{codec[1]} came back with {rate} samples a second")
    return decoded[: len(sound)] if len(decoded) >= len(sound) else np.pad(decoded, (0, len(sound) - len(decoded)))
