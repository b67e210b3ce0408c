"""DINO's parts do what eq. 2 and 4 of Caron et al. say, and a collapse shows."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest
import torch

from models.liveness.dino import (
    Branch,
    DinoConfig,
    DinoLoss,
    Pair,
    ProjectionHead,
    collapse_of,
    cosine,
    teacher_temperature,
)
from models.liveness.dino_crops import CropConfig, MultiCrop, random_crop, read_picture
from models.liveness.vit import VisionTransformer, VitConfig

VIT = VitConfig(image=16, patch=8, width=16, depth=1, heads=2, hidden=2.0, drop_path=0.1)
DINO = DinoConfig(outputs=12, hidden=16, bottleneck=8)


def pair() -> Pair:
    torch.manual_seed(0)
    return Pair(Branch(VisionTransformer(VIT), ProjectionHead(VIT.width, DINO)))


def crops(count: int = 4) -> list[torch.Tensor]:
    return [*(torch.randn(count, 3, 16, 16) for _ in range(2)), *(torch.randn(count, 3, 8, 8) for _ in range(3))]


def stepped(model: Pair, views: list[torch.Tensor]) -> torch.Tensor:
    loss = DinoLoss(DINO)(model.student(views), model.teach(views), len(views), 0.04)
    loss.backward()
    return loss


def test_a_branch_answers_crop_by_crop_whatever_their_sizes():
    model, views = pair().eval(), crops()

    found = model.student(views)

    expected = torch.cat([model.student.head(model.student.backbone(view)) for view in views])
    assert torch.allclose(found, expected, atol=1e-5)


def test_the_heads_outputs_are_cosines():
    head = pair().student.head

    x = 50 * torch.randn(20, 16)
    outputs = head(x).detach()
    with torch.no_grad():
        head.last.mul_(7.0)

    assert outputs.shape == (20, 12)
    assert float(outputs.abs().max()) <= 1 + 1e-5
    assert torch.allclose(head(x), outputs, atol=1e-6)  # the rows' length says nothing


def test_the_loss_is_the_cross_entropy_over_pairs_of_different_crops():
    torch.manual_seed(1)
    loss = DinoLoss(DINO)
    loss.centre.normal_()
    student, teacher = torch.randn(5 * 4, 12), torch.randn(2 * 4, 12)

    found = float(loss(student, teacher, 5, 0.05))

    said, told = student.reshape(5, 4, 12) / 0.1, (teacher.reshape(2, 4, 12) - loss.centre) / 0.05
    terms = []
    for seen in range(2):
        for crop in range(5):
            if crop != seen:
                p = torch.softmax(told[seen], 1)
                terms.append(-(p * torch.log(torch.softmax(said[crop], 1))).sum(1).mean())
    assert len(terms) == 2 * 4
    assert found == pytest.approx(float(sum(terms)) / len(terms), rel=1e-5)


def test_the_loss_moves_the_student_and_gives_the_teacher_no_gradient():
    model = pair().train()

    stepped(model, crops())

    assert all(one.grad is None and not one.requires_grad for one in model.teacher.parameters())
    assert all(one.grad is not None for one in model.student.parameters())
    assert any(float(one.grad.abs().max()) > 0 for one in model.student.backbone.parameters())


def test_a_loss_in_front_of_a_teacher_that_could_learn_gives_it_none_either():
    torch.manual_seed(2)
    student, teacher = torch.randn(20, 12, requires_grad=True), torch.randn(8, 12, requires_grad=True)

    DinoLoss(DINO)(student, teacher, 5, 0.04).backward()

    assert teacher.grad is None
    assert float(student.grad.abs().max()) > 0


def test_the_teacher_follows_as_a_moving_average_and_nothing_else():
    model = pair().train()
    optimiser = torch.optim.SGD(model.student.parameters(), lr=0.5)
    expected = [one.double() for one in copy.deepcopy(model.teacher).parameters()]

    for momentum in (0.9, 0.99, 0.5):
        optimiser.zero_grad()
        stepped(model, crops())
        before = [one.clone() for one in model.teacher.parameters()]
        optimiser.step()
        assert all(torch.equal(a, b) for a, b in zip(before, model.teacher.parameters(), strict=True))
        model.follow(momentum)
        students = [one.detach().double() for one in model.student.parameters()]
        expected = [momentum * a + (1 - momentum) * b for a, b in zip(expected, students, strict=True)]

    for found, wanted in zip(model.teacher.parameters(), expected, strict=True):
        assert torch.allclose(found.double(), wanted, rtol=1e-6, atol=1e-7)


def test_a_teacher_of_full_momentum_stays_and_of_none_copies():
    model = pair()
    with torch.no_grad():
        model.student.head.last.add_(1.0)
    before = model.teacher.head.last.clone()

    model.follow(1.0)
    stayed = model.teacher.head.last.clone()
    model.follow(0.0)

    assert torch.equal(stayed, before)
    assert torch.equal(model.teacher.head.last, model.student.head.last)


def test_the_teacher_drops_no_branches_in_training():
    model, views = pair().train(), crops()

    assert not model.teacher.training
    assert model.student.training
    assert torch.equal(model.teach(views), model.teach(views))


def test_the_centre_is_the_moving_mean_of_the_teachers_outputs():
    torch.manual_seed(3)
    loss, outputs = DinoLoss(DINO), torch.randn(8, 12)

    loss.move_centre(outputs)
    loss.move_centre(outputs + 1)

    mean = outputs.mean(0)
    assert torch.allclose(loss.centre[0], 0.9 * (0.1 * mean) + 0.1 * (mean + 1), atol=1e-6)


def test_the_centre_takes_away_what_all_pictures_share_and_sharpening_keeps_what_they_do_not():
    torch.manual_seed(4)
    shared = torch.zeros(12)
    shared[3] = 1.0  # every picture's outputs lean to one dimension
    outputs = shared + 0.2 * torch.randn(200, 12)
    loss = DinoLoss(DINO)

    uncentred = collapse_of(loss.targets(outputs, 0.04))
    for _ in range(80):
        loss.move_centre(outputs)
    centred, unsharpened = (collapse_of(loss.targets(outputs, t)) for t in (0.04, 100.0))

    assert uncentred.kind == "one dimension"
    assert unsharpened.kind == "uniform"
    assert centred.kind is None
    assert centred.spread > 0.9
    assert centred.told > 0.5 > max(uncentred.told, unsharpened.told)


def test_collapses_show_in_the_entropies():
    uniform = collapse_of(torch.full((6, 8), 1 / 8))
    single = collapse_of(torch.nn.functional.one_hot(torch.full((6,), 2), 8).float())
    healthy = collapse_of(torch.eye(8))

    assert (uniform.kind, single.kind, healthy.kind) == ("uniform", "one dimension", None)
    assert (uniform.entropy, uniform.spread) == (pytest.approx(1.0), pytest.approx(1.0))
    assert (single.entropy, single.spread) == (pytest.approx(0.0), pytest.approx(0.0))
    assert (healthy.entropy, healthy.spread) == (pytest.approx(0.0), pytest.approx(1.0))


def test_the_paces_begin_and_end_where_they_should():
    config = DinoConfig(teacher_start=0.02, teacher_temperature=0.06, teacher_warmup=4)

    assert [teacher_temperature(config, epoch) for epoch in (1, 3, 5, 9)] == pytest.approx([0.02, 0.04, 0.06, 0.06])
    assert [cosine(0.996, 1.0, way) for way in (0, 0.5, 1)] == pytest.approx([0.996, 0.998, 1.0])
    assert teacher_temperature(DinoConfig(), 1) == 0.04


PICTURE = np.random.default_rng(0).integers(0, 256, (60, 80, 3), np.uint8)
CROPS = CropConfig(large=32, small=16, smalls=3)


def test_the_same_seed_gives_the_same_crops():
    crop = MultiCrop(CROPS)

    first, again, other = (crop(PICTURE, np.random.default_rng(seed)) for seed in (7, 7, 8))

    assert [view.shape for view in first] == [(3, 32, 32)] * 2 + [(3, 16, 16)] * 3
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not any(np.array_equal(a, b) for a, b in zip(first, other, strict=True))


def test_crops_differ_from_each_other_and_leave_the_picture_alone():
    before = PICTURE.copy()

    views = MultiCrop(CROPS)(PICTURE, np.random.default_rng(1))

    assert not np.array_equal(views[0], views[1])
    assert np.array_equal(PICTURE, before)
    assert all(view.dtype == np.float32 and np.isfinite(view).all() for view in views)


def test_small_crops_show_less_of_the_picture_than_large_ones():
    ramp = np.repeat(np.linspace(0, 255, 100).astype(np.uint8)[None, :, None], 100, 0).repeat(3, 2)

    spans = {}
    for name, area in (("large", (0.5, 1.0)), ("small", (0.05, 0.2))):
        draw = np.random.default_rng(0)
        spans[name] = [float(np.ptp(random_crop(ramp, 20, area, draw).astype(float))) for _ in range(40)]

    assert min(spans["large"]) > max(spans["small"])


def test_without_distortions_a_whole_crop_is_the_picture_itself():
    square = PICTURE[:32, :32]
    plain = CropConfig(
        large=32, small=16, smalls=0, border=1.0, jitter=0, grey=0, blur_first=0, blur_second=0, solarise=0
    )

    views = [MultiCrop(plain)(square, np.random.default_rng(seed))[0] for seed in range(8)]

    mean, deviation = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    expected = ((square / 255 - mean) / deviation).transpose(2, 0, 1)
    whole = [view for view in views if np.allclose(view, expected, atol=1e-5)]
    mirrored = [view for view in views if np.allclose(view, expected[:, :, ::-1], atol=1e-5)]
    assert whole and mirrored


def test_a_file_without_a_picture_is_refused_by_name(tmp_path):
    (tmp_path / "no.png").write_bytes(b"nothing")

    for name in ("no.png", "gone.png"):
        with pytest.raises(ValueError, match=name):
            read_picture(tmp_path / name)


def test_the_entropy_of_a_uniform_target_is_what_the_loss_of_a_uniform_student_is():
    nothing = torch.zeros(20, 12)

    assert float(DinoLoss(DINO)(nothing, nothing[:8], 5, 0.04)) == pytest.approx(math.log(12))
