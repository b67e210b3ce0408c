"""The test people as a gallery, for tests of the cascade."""

from __future__ import annotations

import pytest

from tests import media
from tests.people import portrait
from tests.worker.test_cascade import ADA, Known, speech
from worker.cascade.embed import embed_sample
from worker.cascade.types import Modality
from worker.engines.types import Engines


@pytest.fixture(scope="module")
def gallery(engines: Engines) -> Known:
    face = embed_sample(Modality.FACE, media.jpeg(portrait("astronaut")), engines).vector
    voice = embed_sample(Modality.VOICE, media.wav(speech("astronaut", 1)), engines).vector
    return Known({("face", ADA): face, ("voice", ADA): voice})
