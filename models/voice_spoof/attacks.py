"""Speech made anew from speech at hand, so that attacks and people come from the same corpora.

Griffin-Lim: Griffin and Lim, "Signal estimation from modified short-time Fourier transform", IEEE TASSP 1984, with the
momentum of Perraudin et al., WASPAA 2013. The parametric vocoder is a pulse-and-noise source through a minimum-phase
filter, as in WORLD (Morise et al., IEICE 2016) or in linear prediction (Atal and Hanauer, JASA 1971). The loudspeaker
is SIMULATED: no loudspeaker played, and no room was heard.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, istft, sosfilt, stft

from models.voice_spoof.channel import RATE, Voice, in_a_room
from models.voice_spoof.cues.source import prediction

WINDOW, HOP = 1024, 256
MOMENTUM = 0.99
MELS = 80
ORDER = 18
SHORTEST_PERIOD, LONGEST_PERIOD = RATE // 400, RATE // 65
VOICED = 0.45
Spectrum = NDArray[np.complex128]
Values = NDArray[np.float64]


def griffin_lim(voice: Voice, seed: int) -> Voice:
    """Phases guessed anew from the magnitudes, of half the voices from 80 mel bands only."""
    draw = np.random.default_rng((seed, 21))
    magnitude = np.abs(_stft(voice))
    if draw.random() < 0.5:
        magnitude = _through_mels(magnitude)
    phase = np.exp(2j * np.pi * draw.random(magnitude.shape))
    before = np.zeros_like(phase)
    for _ in range(int(draw.integers(16, 48))):
        consistent = _stft(_istft(magnitude * phase, len(voice)))
        accelerated = consistent - MOMENTUM / (1 + MOMENTUM) * before
        phase = accelerated / (np.abs(accelerated) + 1e-12)
        before = consistent
    return _istft(magnitude * phase, len(voice))


def parametric_vocoder(voice: Voice, seed: int) -> Voice:
    """Pitch, envelope and voicing tracks, from which a pulse-and-noise source speaks again; some at another pitch."""
    draw = np.random.default_rng((seed, 22))
    period, voiced = _track(voice)
    period = period * draw.choice([1.0, 1.0, draw.uniform(0.8, 1.25)])
    source = _stft(_pulses(period, voiced, len(voice), draw).astype(np.float32))
    flat = source / np.sqrt(np.mean(np.abs(source) ** 2) + 1e-12)
    spectrum = _stft(voice)
    envelope = _lpc_envelope(voice, spectrum) if draw.random() < 0.5 else _cepstral_envelope(spectrum, draw)
    return _istft(flat * _minimum_phase(envelope), len(voice))


def loudspeaker(voice: Voice, seed: int) -> Voice:
    """SIMULATED replay: a small loudspeaker's band, resonances and bent peaks, a room, and its noise."""
    draw = np.random.default_rng((seed, 23))
    bounds = (draw.uniform(120, 400), draw.uniform(4500, 7500))
    sound = sosfilt(butter(int(draw.integers(2, 5)), bounds, "bandpass", fs=RATE, output="sos"), voice)
    for _ in range(int(draw.integers(1, 4))):
        centre = draw.uniform(400, 4000)
        peak = butter(1, (centre / 1.15, centre * 1.15), "bandpass", fs=RATE, output="sos")
        sound = sound + draw.uniform(-0.5, 1.0) * sosfilt(peak, sound)
    sound = sound / (np.abs(sound).max() + 1e-9)
    drive, bent = draw.uniform(0.5, 3.0), draw.uniform(0.0, 0.15)
    sound = np.tanh(drive * sound) / drive + bent * sound**2
    heard = in_a_room((sound - sound.mean()).astype(np.float32), draw.uniform(0.2, 0.7), draw.uniform(-2, 8), draw)
    noise = draw.standard_normal(len(heard)) * heard.std() * 10 ** (-draw.uniform(20, 45) / 20)
    return (heard + noise).astype(np.float32)


def _stft(voice: Voice) -> Spectrum:
    return stft(voice, RATE, nperseg=WINDOW, noverlap=WINDOW - HOP)[2]


def _istft(spectrum: Spectrum, samples: int) -> Voice:
    sound = istft(spectrum, RATE, nperseg=WINDOW, noverlap=WINDOW - HOP)[1][:samples]
    return np.pad(sound, (0, samples - len(sound))).astype(np.float32)


def _through_mels(magnitude: Values) -> Values:
    """Magnitudes that have lost what 80 mel bands do not hold."""
    edges = 700 * (10 ** (np.linspace(0, 2595 * np.log10(1 + RATE / 2 / 700), MELS + 2) / 2595) - 1)
    place = np.linspace(0, RATE / 2, len(magnitude))
    rising = (place - edges[:-2, None]) / np.diff(edges)[:-1, None]
    falling = (edges[2:, None] - place) / np.diff(edges)[1:, None]
    bank = np.clip(np.minimum(rising, falling), 0, None)
    return np.maximum(np.linalg.pinv(bank) @ (bank @ magnitude), 0)


def _track(voice: Voice) -> tuple[Values, NDArray[np.bool_]]:
    """(frames,) period in samples, smoothed, and voicing, every HOP samples."""
    padded = np.pad(voice.astype(np.float64), WINDOW // 2)
    pieces = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP] * np.hanning(WINDOW)
    correlation = np.fft.irfft(np.abs(np.fft.rfft(pieces, 2 * WINDOW, axis=1)) ** 2, axis=1)
    searched = correlation[:, SHORTEST_PERIOD:LONGEST_PERIOD] / (correlation[:, :1] + 1e-9)
    period, voiced = searched.argmax(1) + SHORTEST_PERIOD, searched.max(1) > VOICED
    if not voiced.any():
        return np.full(len(period), float(RATE // 120)), voiced
    times = np.arange(len(period))
    filled = np.interp(times, times[voiced], period[voiced].astype(float))
    return np.convolve(np.pad(filled, 2, mode="edge"), np.ones(5) / 5, "valid"), voiced


def _pulses(period: Values, voiced: NDArray[np.bool_], samples: int, draw: np.random.Generator) -> Values:
    """Unit-power source: pulses and a little noise where there is voice, else noise."""
    frame = np.minimum(np.arange(samples) // HOP, len(period) - 1)
    turns = np.floor(np.cumsum(1 / period[frame]))
    pulses = np.diff(turns, prepend=0.0) * np.sqrt(period[frame])
    noise = draw.standard_normal(samples)
    breath = draw.uniform(0.0, 0.3)
    return np.where(voiced[frame], (1 - breath) * pulses + breath * noise, noise)


def _lpc_envelope(voice: Voice, spectrum: Spectrum) -> Values:
    padded = np.pad(voice.astype(np.float64), WINDOW)
    pieces = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[WINDOW // 2 :: HOP][: spectrum.shape[1]]
    inverse = np.abs(np.fft.rfft(prediction(pieces * np.hanning(WINDOW), ORDER), WINDOW, axis=1)).T
    shape = 1 / np.maximum(inverse, 1e-4)
    power = (np.abs(spectrum[:, : shape.shape[1]]) ** 2).mean(0)
    envelope = shape * np.sqrt(power / (shape**2).mean(0))
    return np.pad(envelope, ((0, 0), (0, spectrum.shape[1] - envelope.shape[1])), mode="edge")


def _cepstral_envelope(spectrum: Spectrum, draw: np.random.Generator) -> Values:
    kept = int(draw.integers(24, 40))
    cepstrum = np.fft.irfft(np.log(np.abs(spectrum) + 1e-6), axis=0)
    cepstrum[kept : len(cepstrum) - kept + 1] = 0
    return np.exp(np.fft.rfft(cepstrum, axis=0).real)


def _minimum_phase(envelope: Values) -> Spectrum:
    cepstrum = np.fft.irfft(np.log(envelope + 1e-6), axis=0)
    half = len(cepstrum) // 2
    cepstrum[1:half] *= 2
    cepstrum[half + 1 :] = 0
    return np.exp(np.fft.rfft(cepstrum, axis=0))
