"""Rivals that are hardly trained: the majority class, and a logistic regression on simple features."""

from __future__ import annotations

import time

import numpy as np

from DiffusionCore.benchmark.classify.datasets import Dataset
from DiffusionCore.benchmark.classify.record import Facts, Predict
from DiffusionCore.metrics.simple_features import features_of

STRENGTHS = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)


def majority(data: Dataset) -> tuple[Predict, Facts]:
    """Says of every case what training cases are: the same for all."""
    shares = np.bincount(data.train.labels, minlength=2) / len(data.train)
    return lambda images: np.tile(shares, (len(images), 1)), Facts(parameters=1)


def logistic(data: Dataset) -> tuple[Predict, Facts]:
    """Logistic regression on `metrics.simple_features`, its regularisation chosen by validation AUC."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    started = time.process_time()
    kind = data.source.kind
    train, val = features_of(data.train.images, kind), features_of(data.val.images, kind)
    fitted = [
        make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=5000)).fit(train, data.train.labels)
        for strength in STRENGTHS
    ]
    best = max(fitted, key=lambda model: roc_auc_score(data.val.labels, model.predict_proba(val)[:, 1]))
    minutes = (time.process_time() - started) / 60
    facts = Facts(cpu_minutes=minutes, parameters=train.shape[1] + 1, note=f"C = {best[-1].C:g}")
    return lambda images: best.predict_proba(features_of(images, kind)), facts
