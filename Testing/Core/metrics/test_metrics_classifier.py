"""Figures of a classifier: hand-made cases, scikit-learn as the second opinion, intervals over subjects."""

from __future__ import annotations

import numpy as np
import pytest

from DiffusionCore.errors import UsageError
from DiffusionCore.metrics.calibration import fit_temperature, range_coverage, reliability_curve, with_temperature
from DiffusionCore.metrics.classifier import (
    FIGURES,
    Predictions,
    accuracy,
    auc,
    balanced_accuracy,
    classifier_figures,
    confusion,
    interval,
)
from DiffusionCore.metrics.paired_classifiers import difference, mcnemar


def two(scores, labels, **more) -> Predictions:
    scores = np.asarray(scores, float)
    return Predictions(np.stack((1 - scores, scores), axis=1), labels, **more)


def noisy(n: int = 300, seed: int = 0, classes: int = 2) -> Predictions:
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % classes
    logits = rng.normal(0, 1, (n, classes)) + 1.2 * np.eye(classes)[labels]
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return Predictions(np.round(p, 2) if classes == 2 else p, labels)


def by_name(given: Predictions) -> dict[str, float]:
    return {name: float(figure(given, np.ones((1, len(given.labels))))[0]) for name, figure in FIGURES.items()}


def test_four_cases_by_hand():
    # said 0.9 and 0.6 of class 1, of which one is; 0.7 of class 0; 0.2
    found = by_name(two([0.9, 0.6, 0.4, 0.2], [1, 0, 1, 0]))
    assert found["accuracy"] == found["balanced accuracy"] == 0.5
    assert found["precision"] == found["recall"] == found["specificity"] == found["F1"] == 0.5
    assert found["AUC"] == 0.75  # of four pairs only (0.4, 0.6) is the wrong way round
    assert found["Brier score"] == pytest.approx((0.01 + 0.36 + 0.36 + 0.04) / 4)
    assert found["calibration error"] == pytest.approx((0.1 + 0.6 + 0.6 + 0.2) / 4)


def test_ties_count_half_in_the_auc():
    assert auc(two([0.5, 0.5, 0.5], [1, 0, 0]), np.ones((1, 3)))[0] == 0.5


def test_hard_answers_give_an_auc_of_the_balanced_accuracy():
    """Which is how an AUC equal to the accuracy is found out to be of hard answers."""
    hard = two(noisy().answers, noisy().labels)
    weights = np.ones((1, 300))
    assert auc(hard, weights)[0] == pytest.approx(balanced_accuracy(hard, weights)[0])


@pytest.mark.parametrize("classes", [2, 4])
def test_scikit_learn_agrees_with_weights_too(classes):
    sk = pytest.importorskip("sklearn.metrics")
    given = noisy(240, 3, classes)
    weights = np.random.default_rng(1).integers(0, 4, (1, 240)).astype(float)
    y, said, w = given.labels, given.answers, weights[0]
    average = "binary" if classes == 2 else "macro"
    found = {name: float(figure(given, weights)[0]) for name, figure in FIGURES.items()}
    assert found["accuracy"] == pytest.approx(sk.accuracy_score(y, said, sample_weight=w))
    assert found["balanced accuracy"] == pytest.approx(sk.balanced_accuracy_score(y, said, sample_weight=w))
    for name, score in (("precision", sk.precision_score), ("recall", sk.recall_score), ("F1", sk.f1_score)):
        assert found[name] == pytest.approx(score(y, said, average=average, sample_weight=w)), name
    areas = [sk.roc_auc_score(y == c, given.probabilities[:, c], sample_weight=w) for c in range(classes)]
    assert found["AUC"] == pytest.approx(areas[1] if classes == 2 else np.mean(areas))
    if classes == 2:
        assert found["Brier score"] == pytest.approx(sk.brier_score_loss(y, given.probabilities[:, 1], sample_weight=w))


def test_a_subject_drawn_twice_counts_twice():
    given = two([0.9, 0.3, 0.8], [1, 1, 0])
    assert accuracy(given, np.array([[2.0, 0.0, 1.0]]))[0] == pytest.approx(2 / 3)


def test_intervals_hold_the_estimate_and_say_what_was_drawn():
    for name, found in classifier_figures(noisy()).items():
        assert found.low <= found.estimate <= found.high or name == "calibration error", name
        assert found.label == "over 300 subjects"


def test_cases_of_one_subject_are_drawn_together():
    """Ten copies of each case are no more evidence than one: the interval stays, where cases alone would shrink it."""
    one = noisy(60)
    copies = Predictions(
        np.repeat(one.probabilities, 10, axis=0), np.repeat(one.labels, 10), np.repeat(np.arange(60), 10).astype(str)
    )
    apart = Predictions(copies.probabilities, copies.labels)
    width = {
        name: (lambda i: i.high - i.low)(interval(p, auc))
        for name, p in {"one": one, "copies": copies, "apart": apart}.items()
    }
    assert width["copies"] == pytest.approx(width["one"], rel=0.02)
    assert width["apart"] < 0.5 * width["one"]


def test_the_bootstrap_covers_the_truth():
    """95 % intervals of the accuracy of a coin with p = 0.8 hold 0.8 in about 95 of 100 experiments."""
    held = 0
    for seed in range(100):
        right = np.random.default_rng(seed).random(150) < 0.8
        labels = np.arange(150) % 2
        found = interval(two(np.where(right, labels, 1 - labels), labels), accuracy, resamples=300, seed=seed)
        held += found.low <= 0.8 <= found.high
    assert 88 <= held <= 100


def test_few_subjects_are_drawn_within_and_it_says_so():
    given = Predictions(noisy(20).probabilities, noisy(20).labels, ["a"] * 10 + ["b"] * 10)
    assert interval(given, accuracy).label == "within these 2 subjects"


def test_several_seeds_give_their_mean():
    a, b = noisy(seed=1), noisy(seed=2)
    whole = np.ones((1, 300))
    assert interval([a, b], auc).estimate == pytest.approx((auc(a, whole)[0] + auc(b, whole)[0]) / 2)


def test_confusion_has_the_truth_in_rows():
    assert confusion(two([0.9, 0.6, 0.4, 0.2], [1, 0, 0, 0])).tolist() == [[2, 1], [0, 1]]


def test_temperature_is_found_again():
    """Probabilities that tell the truth, made twice too sure: the temperature is 2."""
    rng = np.random.default_rng(0)
    truth = rng.uniform(0.02, 0.98, 20000)
    labels = (rng.random(20000) < truth).astype(int)
    honest = np.stack((1 - truth, truth), axis=1)
    sure = with_temperature(honest, 0.5)
    assert fit_temperature(Predictions(honest, labels)) == pytest.approx(1.0, abs=0.05)
    assert fit_temperature(Predictions(sure, labels)) == pytest.approx(2.0, abs=0.1)
    np.testing.assert_allclose(with_temperature(sure, 2.0), honest, atol=1e-6)


def test_temperature_keeps_the_order():
    p = noisy(50, classes=3).probabilities
    assert np.array_equal(with_temperature(p, 3.0).argmax(axis=1), p.argmax(axis=1))


def test_ranges_hold_where_the_share_that_came_true_lies_in_them():
    """Twenty cases said 0.2, of which 5 came true, and twenty said 0.8, of which 16 did: a quarter, and four fifths."""
    p = np.repeat([0.2, 0.8], 20)
    labels = np.r_[np.arange(20) < 5, np.arange(20) < 16].astype(int)
    given = Predictions(np.stack([1 - p, p], axis=1), labels)
    narrow, wide = (range_coverage(given, p - half, p + half, groups=2) for half in (0.02, 0.1))
    assert (narrow.groups, narrow.covered, narrow.width) == (2, 1, pytest.approx(0.04))
    assert wide.covered == 2
    with pytest.raises(UsageError, match="50 cases"):
        range_coverage(given, p, p, groups=50)


def test_reliability_of_honest_probabilities_is_the_diagonal():
    rng = np.random.default_rng(0)
    truth = rng.random(20000)
    curve = reliability_curve(two(truth, (rng.random(20000) < truth).astype(int)), resamples=100)
    assert len(curve) == 10
    assert sum(one.cases for one in curve) == 20000
    for one in curve:
        assert one.came_true.estimate == pytest.approx(one.said, abs=0.04)
        assert one.came_true.low <= one.came_true.estimate <= one.came_true.high


def test_mcnemar_by_hand():
    """Three cases only ours has right, none only theirs: p = 2 / 2³."""
    labels = [0, 1, 0, 1, 0, 1]
    ours = two([0.1, 0.9, 0.1, 0.9, 0.1, 0.9], labels)
    theirs = two([0.9, 0.1, 0.9, 0.9, 0.1, 0.9], labels)
    found = mcnemar(ours, theirs)
    assert (found.only_ours, found.only_theirs, found.p) == (3, 0, pytest.approx(0.25))
    assert mcnemar(ours, ours).p == 1.0


def test_a_paired_difference_is_narrower_than_two_intervals():
    a = noisy(seed=1)
    b = Predictions(with_temperature(a.probabilities, 1.5), a.labels)
    found = difference([a], [b], accuracy)
    assert (found.low, found.estimate, found.high) == (0, 0, 0)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Predictions([[0.5, 0.5]], [0, 1]), "one label a case"),
        (lambda: Predictions([[0.5, 0.6]], [0]), "sum to 1"),
        (lambda: Predictions([[0.5, 0.5]], [2]), "0 to 1"),
        (lambda: Predictions([[1.0]], [0]), "two classes or more"),
        (lambda: Predictions([[0.5, 0.5]], [0], ["a", "b"]), "a subject for each case"),
        (lambda: two([0.5], [0], threshold=1.0), "between 0 and 1"),
        (lambda: classifier_figures(two([0.2, 0.3], [0, 0])), "one class"),
        (lambda: fit_temperature(two([0.2, 0.3], [0, 0])), "two classes"),
        (lambda: mcnemar(two([0.2, 0.3], [0, 1]), two([0.2, 0.3], [1, 0])), "same cases"),
    ],
)
def test_what_does_not_go_together_is_said(make, says):
    with pytest.raises(UsageError, match=says):
        make()
