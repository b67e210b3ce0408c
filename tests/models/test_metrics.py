"""Error rates against scikit-learn and against counting by hand."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_curve

from models.evaluation import metrics

GENUINE = np.array([0.9, 0.8, 0.7, 0.4])
IMPOSTOR = np.array([0.1, 0.3, 0.5, 0.2, 0.4])


def test_rates_at_a_threshold_by_hand():
    assert metrics.fmr(IMPOSTOR, 0.4) == pytest.approx(2 / 5)
    assert metrics.fnmr(GENUINE, 0.5) == pytest.approx(1 / 4)


def test_eer_agrees_with_the_roc_curve_of_scikit_learn():
    random = np.random.default_rng(3)
    genuine, impostor = random.normal(2, 1, 4000), random.normal(0, 1, 4000)
    labels = np.r_[np.ones(4000), np.zeros(4000)]
    false_positive, true_positive, _ = roc_curve(labels, np.r_[genuine, impostor])
    at = np.argmin(np.abs(false_positive - (1 - true_positive)))

    assert metrics.eer(genuine, impostor) == pytest.approx((false_positive[at] + 1 - true_positive[at]) / 2, abs=1e-3)


def test_cllr_of_no_information_is_one_bit():
    assert metrics.cllr(np.zeros(3), np.zeros(5)) == pytest.approx(1.0)
    assert metrics.cllr(np.full(3, 20.0), np.full(3, -20.0)) < 1e-6
