"""Engines whose weights are in no pip package, and real faces: only where models and data lie beside the project."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests import acting, media
from tests.people import portrait
from tests.worker.test_cascade import ADA, POLICY, Known
from worker import runtime
from worker.cascade.decode import decode_image
from worker.cascade.embed import embed_sample
from worker.cascade.pipeline import Cascade
from worker.cascade.types import CaptureUnusable, Claim, Modality, Outcome, Reason, Sample
from worker.engines.building import minifasnet as networks_of_minifasnet
from worker.engines.detection import YuNetDetector
from worker.engines.gates import MiniFasNetPair
from worker.engines.sessions import SessionOptions
from worker.engines.types import Engines

pytestmark = pytest.mark.shared


@pytest.fixture(scope="module")
def edgeface(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Engines:
    """SCRFD, EdgeFace and MiniFASNet, found by hash in a folder of files at hand."""
    places = runtime.Places(models_dir=shared / "models", state_dir=tmp_path_factory.mktemp("state"))
    return runtime.build("edgeface", runtime.Configuration(places, SessionOptions()))


def judged(engines: Engines, frames: list[media.Picture]):
    reference = embed_sample(Modality.FACE, media.jpeg(portrait("astronaut")), engines).vector
    sample = Sample(tuple(frames), tuple(media.times_of(frames)))
    return Cascade(engines).run(sample, Claim(ADA), Known({("face", ADA): reference}), POLICY, lambda result: None)


def test_the_pack_lets_the_person_in_and_names_its_networks(edgeface: Engines):
    verdict = judged(edgeface, acting.acted_frames("astronaut", [], media.SECONDS))

    assert verdict.outcome is Outcome.GRANTED
    assert verdict.results[0].evidence["gates"]["minifasnet"]["passed"]
    assert verdict.results[2].evidence["face"]["model"] == "edgeface_xs"


def test_the_pack_refuses_another_person(edgeface: Engines):
    verdict = judged(edgeface, acting.acted_frames("guest", [], media.SECONDS))

    assert verdict.outcome is Outcome.DENIED
    assert verdict.reason in {Reason.NO_MATCH, Reason.NOT_LIVE}


@pytest.mark.parametrize(("kind", "live"), [("bona_fide", True), ("print", False)])
def test_minifasnet_tells_paper_prints_from_people(
    edgeface: Engines, shared: Path, tmp_path: Path, kind: str, live: bool
):
    places = runtime.Places(models_dir=shared / "models", state_dir=tmp_path)
    minifasnet = MiniFasNetPair(networks_of_minifasnet(places), SessionOptions())
    scores = []
    for subject in sorted((shared / "data" / "pad" / "nuaa" / kind).iterdir()):
        for path in sorted(subject.iterdir())[::12]:
            image = decode_image(path.read_bytes())
            faces = edgeface.detector.detect(image)
            if faces:
                scores.append(minifasnet.score(image, faces[0]))

    assert len(scores) >= 15
    assert np.mean((np.array(scores) > 0.5) == live) > 0.9


def test_yunet_sees_the_face_where_scrfd_does(edgeface: Engines, shared: Path):
    (weights,) = (shared / "models" / "yunet").glob("face_detection_yunet_2023mar.onnx")
    image = portrait("astronaut")

    ours, theirs = (detector.detect(image)[0] for detector in (edgeface.detector, YuNetDetector(weights)))

    assert np.abs(ours.points - theirs.points).max() < 0.2 * ours.box[2]


def test_the_builtin_calibration_tells_real_people_apart(engines: Engines, shared: Path):
    people = [
        folder for folder in sorted((shared / "data" / "faces" / "lfw").iterdir()) if len(list(folder.iterdir())) > 1
    ]
    pairs = []
    for folder in people[:40]:
        try:
            first, second = (
                embed_sample(Modality.FACE, path.read_bytes(), engines).vector for path in sorted(folder.iterdir())[:2]
            )
        except CaptureUnusable:
            continue
        pairs.append((first, second))
    calibration = engines.face.card.calibration
    cosines = np.array([[first @ second for _, second in pairs] for first, _ in pairs])
    llr = np.vectorize(calibration.llr)(cosines)
    genuine, impostor = np.diag(llr), llr[~np.eye(len(pairs), dtype=bool)]

    assert len(pairs) >= 20
    assert np.mean(genuine > 0) > 0.9
    assert np.mean(impostor < 0) > 0.9
