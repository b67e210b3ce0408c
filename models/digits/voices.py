"""Synthetic speakers: espeak-ng (the library inside the espeakng-loader wheel, a package for development).

Five people are few to learn from. espeak-ng adds accents, women's voices and words spoken without pause, for training
only; how well its own voices are recognised says nothing of people.
"""

from __future__ import annotations

import ctypes
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.signal import resample_poly

from models.digits.features import RATE

WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
ACCENTS = ("en-us", "en", "en-gb-scotland", "en-gb-x-rp", "en-gb-x-gbclan", "en-gb-x-gbcwmd", "en-029", "en-us-nyc")
VARIANTS = (
    *("f1", "f2", "f3", "f4", "m1", "m2", "m3", "m4", "m5", "m6", "m7", "klatt", "klatt2", "klatt3", "klatt4"),
    *("Alex", "Alicia", "Andy", "Annie", "Gene", "Hugo", "Jacky", "Lee", "Marco", "Michael", "Mike", "adam", "anika"),
    *("antonio", "belinda", "benjamin", "caleb", "david", "ed", "edward", "gustave", "ian", "john", "max", "miguel"),
    *("norbert", "pablo", "paul", "quincy", "rob", "robert", "sandro", "shelby", "steph", "travis", "victor", "zac"),
)
KEPT_BACK = ("", "+f5", "+m8", "+linda", "+Andrea", "+Mario", "+steph3", "+iven")  # never trained on
OTHER_WORDS = (
    *("ten", "eleven", "hundred", "please", "door", "fire", "line", "tree", "free", "heaven", "sick", "great", "hello"),
    *("yes", "no", "thank you", "red", "green", "blue", "stop", "left", "right", "head", "turn", "water", "table"),
    *("morning", "window", "light", "number", "open", "close", "sun", "run", "live", "life", "mine", "time", "sore"),
    *("floor", "more", "sea", "see", "key", "fix", "sticks", "hate", "wait", "gate", "late", "hero", "narrow", "self"),
    *("never", "even", "given", "driving", "weather", "paper", "people", "music", "kitchen", "orange", "doctor"),
)
SYNCHRONOUS, UTF8, SPEED, PITCH, SPREAD = 2, 1, 1, 3, 4  # from espeak-ng's speak_lib.h


def say(text: str, voice: str, *, pitch: int = 50, speed: int = 150, spread: int = 50) -> NDArray[np.float32]:
    """(samples,) speech at 16 kHz.

    Arguments:
        voice: of espeak-ng, for instance ``en-us+f3``.
        pitch, spread: 0 to 100. speed: words a minute.

    Raises:
        ModuleNotFoundError: espeakng-loader is not installed.
        ValueError: there is no such voice.
    """
    library, rate = _library()
    blocks: list[NDArray[np.int16]] = []

    @ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)
    def collect(samples, count, events):
        if samples and count:
            blocks.append(np.ctypeslib.as_array(samples, (count,)).copy())
        return 0

    library.espeak_SetSynthCallback(collect)
    if library.espeak_SetVoiceByName(voice.encode()) != 0:
        raise ValueError(f"espeak-ng has no voice {voice}")
    for parameter, value in ((SPEED, speed), (PITCH, pitch), (SPREAD, spread)):
        library.espeak_SetParameter(parameter, value, 0)
    encoded = text.encode()
    library.espeak_Synth(encoded, ctypes.c_size_t(len(encoded) + 1), 0, 0, 0, UTF8, None, None)
    library.espeak_Synchronize()
    sound = np.concatenate(blocks).astype(np.float32) / 32768
    return resample_poly(sound, RATE // 50, rate // 50).astype(np.float32)


def drawn_voice(generator: np.random.Generator) -> tuple[str, int, int, int]:
    """A voice for training with its pitch, speed and spread, as ``say`` takes them."""
    accent, variant = generator.choice(ACCENTS), generator.choice(VARIANTS)
    pitch, speed, spread = (int(generator.integers(*ends)) for ends in ((20, 85), (100, 200), (20, 80)))
    return f"{accent}+{variant}", pitch, speed, spread


@cache
def _library() -> tuple[ctypes.CDLL, int]:
    """The library and its rate; it is to be initialised once a process."""
    import espeakng_loader

    library = ctypes.CDLL(espeakng_loader.get_library_path())
    rate = library.espeak_Initialize(SYNCHRONOUS, 0, espeakng_loader.get_data_path().encode(), 0)
    return library, rate
