"""Speech by espeak-ng, a formant synthesiser, through the library inside the espeakng-loader wheel."""

from __future__ import annotations

import ctypes

import numpy as np
import soxr
from numpy.typing import NDArray

from models.voice_spoof.channel import RATE

SYNCHRONOUS, UTF8, SPEED, PITCH = 2, 1, 1, 3  # from speak_lib.h
Samples = NDArray[np.float32]


class Espeak:
    """The synthesiser; a process may hold one only, as its library keeps one state."""

    def __init__(self) -> None:
        """Raises ImportError where the wheel (requirements-dev.txt) is not installed."""
        import espeakng_loader  # a test and training dependency

        self._library = ctypes.CDLL(espeakng_loader.get_library_path())
        self._rate = self._library.espeak_Initialize(SYNCHRONOUS, 0, espeakng_loader.get_data_path().encode(), 0)

    def speak(self, text: str, *, voice: str, pitch: int, speed: int) -> Samples:
        """(samples,) at 16 kHz. ``pitch`` 0 to 99, ``speed`` words a minute.

        Raises:
            ValueError: the library has no such voice, or said nothing.
        """
        blocks: list[NDArray[np.int16]] = []

        @ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)
        def collect(samples, count, events):
            if samples and count:
                blocks.append(np.ctypeslib.as_array(samples, (count,)).copy())
            return 0

        self._library.espeak_SetSynthCallback(collect)
        if self._library.espeak_SetVoiceByName(voice.encode()) != 0:
            raise ValueError(f"espeak-ng has no voice {voice}")
        self._library.espeak_SetParameter(SPEED, speed, 0)
        self._library.espeak_SetParameter(PITCH, pitch, 0)
        encoded = text.encode()
        self._library.espeak_Synth(encoded, ctypes.c_size_t(len(encoded) + 1), 0, 0, 0, UTF8, None, None)
        self._library.espeak_Synchronize()
        if not blocks:
            raise ValueError(f"espeak-ng said nothing as {voice}")
        sound = np.concatenate(blocks).astype(np.float32) / 32768
        return soxr.resample(sound, self._rate, RATE).astype(np.float32)
