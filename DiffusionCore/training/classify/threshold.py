"""From which probability on the second of two classes is the answer."""

from __future__ import annotations

import numpy as np

from ...metrics.classifier import Predictions


def balanced_threshold(given: Predictions) -> float:
    """The threshold of the best balanced accuracy if the logits of either class were normal with one variance.

    That is where a logistic regression of the class on the logit, both classes weighing the same, is even. It has two
    parameters to a hundred validation cases; the threshold of the best balanced accuracy among those cases follows
    single ones.
    """
    from sklearn.linear_model import LogisticRegression

    p = np.clip(given.probabilities[:, 1], 1e-6, 1 - 1e-6)
    logit = np.log(p / (1 - p))
    if logit.std() < 1e-9:
        return 0.5
    fitted = LogisticRegression(class_weight="balanced", C=100.0).fit(logit[:, None], given.labels)
    slope, offset = float(fitted.coef_[0, 0]), float(fitted.intercept_[0])
    if slope <= 0:  # no better than chance: the middle of what was said
        return float(np.clip(np.median(p), 0.01, 0.99))
    return float(np.clip(1 / (1 + np.exp(offset / slope)), 0.01, 0.99))
