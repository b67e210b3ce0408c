"""Degraded probes: what bad light, a moving hand, a poor line or a far microphone leave of a sample.

Every degradation is drawn from a seed, so that a sample's degraded version is the same on every machine. Light follows
the usual sensor model (Poisson photons, Gaussian read noise: Foi et al., "Practical Poissonian-Gaussian noise modeling",
2008); the room is Polack's (1988), noise that decays exponentially; the level of speech is that of its active part, as
in ITU-T P.56.
"""

from __future__ import annotations

import hashlib

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, fftconvolve, sosfilt

from models.data.features import CLEAN

Image = NDArray[np.uint8]
Waveform = NDArray[np.float32]

FACE_CONDITIONS = (CLEAN, "blur", "low_light", "compression")
VOICE_CONDITIONS = (CLEAN, "noise_20", "noise_10", "noise_0", "far")
RATE = 16_000
NOISES = ("white", "pink", "babble")

# Where nobody says how large the face is, it fills this share of the picture's shorter side, as in LFW.
USUAL_SHARE = 0.5
# Set so that recognition is hurt and people still see who it is: against clean references of 120 people of LFW the EER of
# EdgeFace-XS rises from 0.0 % to 4.4 (blur), 2.8 (low light) and 4.6 % (compression). Blur is in sides of the face.
GAUSSIAN_SIGMA = (0.030, 0.045)
MOTION_LENGTH = (0.14, 0.22)
DISPLAY_GAMMA = 2.2
FULL_WELL = 4000.0  # electrons of a white pixel at full exposure
READ_NOISE = 4.0  # electrons
EXPOSURE = (0.0025, 0.007)  # of full exposure
RAISED_TO = (0.08, 0.20)  # of full exposure, by the camera's gain
DENOISED = 1.0  # pixels
SMALL_FACE = (26.0, 38.0)  # pixels
JPEG_QUALITY = (8, 20)

FRAME = 320  # 20 ms
ACTIVE_MARGIN = 15.9  # dB below the active level, P.56
TALKERS = 6
SYLLABLES = 4.0  # a second
RT60 = (0.4, 0.9)  # seconds
DIRECT_TO_REVERBERANT = (-4.0, 2.0)  # dB
FAR_CUTOFF = (3000.0, 5000.0)  # Hz
FAR_LEVEL = (-40.0, -32.0)  # dBFS of the active speech
FAR_SNR = (15.0, 20.0)  # dB
LOUDEST = 0.999


def seed_of(source: str, condition: str) -> int:
    """The seed of one sample's degradation, from its name alone."""
    return int.from_bytes(hashlib.sha256(f"{source}\n{condition}".encode()).digest()[:8], "big")


def degrade_face(image: Image, condition: str, seed: int, *, side: float | None = None) -> Image:
    """A picture under a condition, of the same size.

    Arguments:
        image: RGB (height, width, 3).
        condition: one of FACE_CONDITIONS; ``clean`` gives the picture back.
        seed: of everything that is drawn.
        side: of the face in pixels, by which blur and compression are scaled.

    Raises:
        ValueError: there is no such condition.
    """
    if condition not in FACE_CONDITIONS:
        raise ValueError(f"no face condition {condition!r}; there are {', '.join(FACE_CONDITIONS)}")
    if condition == CLEAN:
        return image
    random = np.random.default_rng(seed)
    side = side or USUAL_SHARE * min(image.shape[:2])
    if condition == "blur":
        return _blurred(image, side, random)
    return _dark(image, random) if condition == "low_light" else _compressed(image, side, random)


def degrade_voice(voice: Waveform, condition: str, seed: int) -> Waveform:
    """A recording under a condition, of the same length.

    Arguments:
        voice: (samples,) mono at 16 kHz in [-1, 1].
        condition: one of VOICE_CONDITIONS; ``clean`` gives the recording back. ``noise_X`` adds noise X dB below the
            active speech, white, pink or babble by the seed. What would clip is made quieter as a whole.
        seed: of everything that is drawn.

    Raises:
        ValueError: there is no such condition.
    """
    if condition not in VOICE_CONDITIONS:
        raise ValueError(f"no voice condition {condition!r}; there are {', '.join(VOICE_CONDITIONS)}")
    if condition == CLEAN or not len(voice):
        return voice
    random = np.random.default_rng(seed)
    kind = NOISES[seed % len(NOISES)]
    if condition == "far":
        return _limited(_far(voice.astype(np.float64), kind, random))
    snr = float(condition.removeprefix("noise_"))
    return _limited(voice + _noise_below(voice, kind, snr, random))


def active_power(voice: NDArray) -> float:
    """Mean power of the frames in which somebody speaks: those less than ACTIVE_MARGIN below that mean (P.56)."""
    whole = len(voice) // FRAME * FRAME
    if not whole:
        return float(np.mean(np.square(voice, dtype=np.float64))) if len(voice) else 0.0
    power = np.square(voice[:whole], dtype=np.float64).reshape(-1, FRAME).mean(1)
    level = float(power.mean())
    for _ in range(20):
        active = float(power[power >= level * 10 ** (-ACTIVE_MARGIN / 10)].mean())
        if np.isclose(active, level, rtol=1e-6):
            break
        level = active
    return level


def noise(kind: str, length: int, random: np.random.Generator) -> NDArray[np.float64]:
    """``length`` samples of unit power: ``white``, ``pink`` (1/f) or ``babble``.

    Babble is TALKERS noises with the long-term spectrum of speech, each swelling at the rate of syllables.
    """
    if kind == "white":
        return _unit_power(random.standard_normal(length))
    hertz = np.fft.rfftfreq(length, 1 / RATE)
    if kind == "pink":
        return _unit_power(_shaped(random.standard_normal(length), 1 / np.sqrt(np.maximum(hertz, 20.0))))
    # Flat to 500 Hz, then 9 dB an octave down (Byrne et al., 1994), nothing below the voice.
    speech = (hertz > 80) / (1 + (hertz / 500.0) ** 1.5)
    syllables = np.exp(-((hertz / SYLLABLES) ** 2))
    talkers = [
        _shaped(random.standard_normal(length), speech)
        * np.exp(0.8 * _unit_power(_shaped(random.standard_normal(length), syllables)))
        for _ in range(TALKERS)
    ]
    return _unit_power(np.sum([_unit_power(talker) for talker in talkers], axis=0))


def _blurred(image: Image, side: float, random: np.random.Generator) -> Image:
    if random.random() < 0.5:
        sigma = side * random.uniform(*GAUSSIAN_SIGMA)
        return cv2.GaussianBlur(image, (0, 0), sigma).astype(np.uint8, copy=False)
    length = max(3.0, side * random.uniform(*MOTION_LENGTH))
    return cv2.filter2D(image, -1, _motion(length, random.uniform(0, np.pi))).astype(np.uint8, copy=False)


def _motion(length: float, angle: float) -> NDArray[np.float32]:
    """A line of ``length`` pixels as a kernel of sum one."""
    half = int(np.ceil(length / 2)) + 1
    kernel = np.zeros((2 * half + 1, 2 * half + 1), np.float32)
    along = np.linspace(-length / 2, length / 2, 8 * len(kernel))
    x, y = half + along * np.cos(angle), half + along * np.sin(angle)
    np.add.at(kernel, (np.rint(y).astype(int), np.rint(x).astype(int)), 1.0)
    smooth = cv2.GaussianBlur(kernel, (0, 0), 0.6)
    return (smooth / smooth.sum()).astype(np.float32)


def _dark(image: Image, random: np.random.Generator) -> Image:
    """Little light on the sensor, raised by the camera's gain; the camera's own denoising smears what noise is left."""
    light = (image / 255.0) ** DISPLAY_GAMMA
    exposure, raised = random.uniform(*EXPOSURE), random.uniform(*RAISED_TO)
    electrons = random.poisson(light * exposure * FULL_WELL) + random.normal(0, READ_NOISE, image.shape)
    seen = cv2.GaussianBlur(electrons / (exposure * FULL_WELL) * raised, (0, 0), DENOISED)
    return np.rint(255 * np.clip(seen, 0, 1) ** (1 / DISPLAY_GAMMA)).astype(np.uint8)


def _compressed(image: Image, side: float, random: np.random.Generator) -> Image:
    height, width = image.shape[:2]
    scale = min(1.0, random.uniform(*SMALL_FACE) / side)
    small = cv2.resize(
        image, (max(8, round(width * scale)), max(8, round(height * scale))), interpolation=cv2.INTER_AREA
    )
    quality = int(random.integers(JPEG_QUALITY[0], JPEG_QUALITY[1] + 1))
    _, encoded = cv2.imencode(".jpg", cv2.cvtColor(small, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])
    decoded = cv2.cvtColor(np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR)), cv2.COLOR_BGR2RGB)
    return cv2.resize(decoded, (width, height), interpolation=cv2.INTER_LINEAR).astype(np.uint8, copy=False)


def _far(voice: NDArray[np.float64], kind: str, random: np.random.Generator) -> NDArray[np.float64]:
    """Speech across a room: reverberant, dull, quiet, with noise."""
    heard = fftconvolve(voice, _room(random.uniform(*RT60), random.uniform(*DIRECT_TO_REVERBERANT), random))
    dull = sosfilt(butter(4, random.uniform(*FAR_CUTOFF), fs=RATE, output="sos"), heard[: len(voice)])
    power = active_power(dull)
    if power <= 0.0:
        return dull
    quiet = dull * 10 ** (random.uniform(*FAR_LEVEL) / 20) / np.sqrt(power)
    return quiet + _noise_below(quiet, kind, random.uniform(*FAR_SNR), random)


def _room(rt60: float, direct_to_reverberant: float, random: np.random.Generator) -> NDArray[np.float64]:
    """An impulse response whose sound fell by 60 dB after ``rt60`` seconds; the direct sound is its first sample."""
    time = np.arange(int(rt60 * RATE)) / RATE
    tail = random.standard_normal(len(time)) * 10 ** (-3 * time / rt60)
    tail[: RATE // 500] = 0.0  # nothing comes back within 2 ms
    tail *= 10 ** (-direct_to_reverberant / 20) / np.sqrt(np.sum(tail**2))
    tail[0] = 1.0
    return tail


def _noise_below(voice: NDArray, kind: str, snr: float, random: np.random.Generator) -> NDArray[np.float64]:
    """Noise ``snr`` dB below the active speech; none where there is nothing to be heard."""
    return noise(kind, len(voice), random) * np.sqrt(active_power(voice) * 10 ** (-snr / 10))


def _shaped(sound: NDArray[np.float64], gains: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.fft.irfft(np.fft.rfft(sound) * gains, len(sound))


def _unit_power(sound: NDArray[np.float64]) -> NDArray[np.float64]:
    return sound / max(float(np.sqrt(np.mean(sound**2))), 1e-12)


def _limited(sound: NDArray[np.float64]) -> Waveform:
    return (sound * min(1.0, LOUDEST / max(float(np.abs(sound).max()), 1e-12))).astype(np.float32)
