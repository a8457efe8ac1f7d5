"""What the train.py of every model shares: reading rows, the time-ordered holdout, the ONNX graph, the card.

A model is a logistic regression on log(1 + x) of each feature, x in a unit of its own, not below 0 and not above a
cap. Needs Debian's python3-sklearn and python3-onnx, nothing else. The same rows give the same bytes.
"""

import os

# One thread: sums in another order would give other bytes.
os.environ.update({name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")})

import csv
import hashlib
import json
import sys
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import onnx
import sklearn
from onnx import TensorProto, helper, numpy_helper
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, SplineTransformer, StandardScaler

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
UNCAPPED = 1e30
STRENGTHS = (0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 1.0)
BOOTSTRAPS = 2000
GOLDEN_ROWS = 64


@dataclass(frozen=True)
class Feature:
    name: str
    #: Stands in where the feature is missing.
    default: float = 0.0
    #: One of this is 1 before the logarithm.
    unit: float = 1.0
    #: In the feature's own unit; beyond it the data say nothing.
    cap: float = UNCAPPED
    why: str = ""


@dataclass(frozen=True)
class Task:
    name: str
    label: str
    horizon_ms: int
    features: tuple
    #: Recency-only models: (title, names of the features that it reads); the last is the one to beat.
    recency: tuple
    #: Train on snapshots from here on.
    train_from: str
    #: Each begins a test period that ends where the next begins.
    test_from: tuple
    test_until: str
    trained_on: dict
    limits: tuple
    slices: dict = field(default_factory=dict)


def instant(text):
    return int(datetime.fromisoformat(text).replace(tzinfo=timezone.utc).timestamp() * 1000)


def day(ms):
    return datetime.fromtimestamp(int(ms) / 1000, timezone.utc).strftime("%Y-%m-%dT%H:%MZ")


def read_rows(path, features):
    """customer, at, label as arrays, and the features as a matrix with NaN where they are missing."""
    with open(path, newline="") as file:
        rows = csv.reader(file)
        header = next(rows)
        columns = [header.index(feature.name) for feature in features]
        customers, at, labels, matrix = [], [], [], []
        for row in rows:
            customers.append(row[0])
            at.append(int(row[1]))
            labels.append(int(row[2]))
            matrix.append([float(row[column]) if row[column] else np.nan for column in columns])
    return np.unique(customers, return_inverse=True)[1], np.array(at), np.array(labels), np.array(matrix)


def logarithms(matrix, features):
    defaults = np.array([feature.default for feature in features])
    units = np.array([feature.unit for feature in features])
    caps = np.array([feature.cap for feature in features])
    filled = np.where(np.isnan(matrix), defaults, matrix)
    return np.log1p(np.clip(filled, 0, caps) / units)


def candidate(features, strength):
    return make_pipeline(
        FunctionTransformer(logarithms, kw_args={"features": features}),
        StandardScaler(),
        LogisticRegression(C=strength, max_iter=2000, tol=1e-6),
    )


def recency_only(features, strength):
    """Splines: bends as the data bend, so that it is calibrated over the whole range."""
    return make_pipeline(
        FunctionTransformer(logarithms, kw_args={"features": features}),
        SplineTransformer(n_knots=6, degree=3),
        LogisticRegression(C=strength, max_iter=2000, tol=1e-6),
    )


def losses(labels, probabilities):
    clipped = np.clip(probabilities, 1e-9, 1 - 1e-9)
    return -(labels * np.log(clipped) + (1 - labels) * np.log(1 - clipped))


def choose_strength(build, matrix, labels, customers):
    """Of the penalty, by log loss on customers that were left out. Sees training rows only."""
    totals = []
    for strength in STRENGTHS:
        total = 0.0
        for fit, held in GroupKFold(4).split(matrix, groups=customers):
            model = build(strength).fit(matrix[fit], labels[fit])
            total += losses(labels[held], model.predict_proba(matrix[held])[:, 1]).sum()
        totals.append(total)
    return STRENGTHS[int(np.argmin(totals))]


def hold_out(task, build, matrix, rows):
    """Probabilities for the rows of all test periods, each by a model of what was known before it, labels included."""
    customers, at, labels = rows
    bounds = [instant(text) for text in (*task.test_from, task.test_until)]
    indexes, probabilities = [], []
    for begin, end in zip(bounds, bounds[1:]):
        train = (at >= instant(task.train_from)) & (at + task.horizon_ms <= begin)
        test = (at >= begin) & (at < end)
        strength = choose_strength(build, matrix[train], labels[train], customers[train])
        model = build(strength).fit(matrix[train], labels[train])
        indexes.append(np.flatnonzero(test))
        probabilities.append(model.predict_proba(matrix[test])[:, 1])
    return np.concatenate(indexes), np.concatenate(probabilities)


def bootstrap_interval(differences, customers):
    """95 % interval of the mean difference, customers drawn with all their rows."""
    sums = np.bincount(customers, differences)
    counts = np.bincount(customers)
    present = np.flatnonzero(counts)
    random = np.random.RandomState(20)
    means = []
    for _ in range(BOOTSTRAPS):
        drawn = random.choice(present, len(present))
        means.append(sums[drawn].sum() / counts[drawn].sum())
    return [round(float(bound), 5) for bound in np.percentile(means, [2.5, 97.5])]


def calibration(labels, probabilities):
    """Slope and intercept of the label on the logit (1 and 0 are perfect), and the mean gap over ten equal bins."""
    logits = np.log(probabilities / (1 - probabilities))[:, None]
    fit = LogisticRegression(C=1e6, max_iter=1000).fit(logits, labels)
    bins = np.array_split(np.argsort(probabilities, kind="stable"), 10)
    gap = np.mean([abs(probabilities[one].mean() - labels[one].mean()) for one in bins])
    return float(fit.coef_[0, 0]), float(fit.intercept_[0]), float(gap)


def measure(task, matrix, rows):
    customers, at, labels = rows
    features = task.features
    index, model = hold_out(task, lambda strength: candidate(features, strength), matrix, rows)
    held = labels[index]
    slope, intercept, gap = calibration(held, model)
    metrics = {
        "holdout_rows": len(index),
        "holdout_customers": len(np.unique(customers[index])),
        "holdout_rate": round(float(held.mean()), 4),
        "mean_probability": round(float(model.mean()), 4),
        "log_loss": round(float(losses(held, model).mean()), 5),
        "auc": round(float(roc_auc_score(held, model)), 4),
        "calibration_slope": round(slope, 3),
        "calibration_intercept": round(intercept, 3),
        "calibration_gap": round(gap, 4),
    }
    names = [feature.name for feature in features]
    for title, group in task.recency:
        columns = [names.index(name) for name in group]
        chosen = tuple(features[column] for column in columns)
        same, recency = hold_out(task, lambda strength: recency_only(chosen, strength), matrix[:, columns], rows)
        assert np.array_equal(same, index)
        difference = losses(held, model) - losses(held, recency)
        metrics[f"{title}_only_log_loss"] = round(float(losses(held, recency).mean()), 5)
        metrics[f"{title}_only_auc"] = round(float(roc_auc_score(held, recency)), 4)
        metrics[f"log_loss_minus_{title}_only"] = round(float(difference.mean()), 5)
        metrics[f"log_loss_minus_{title}_only_95"] = bootstrap_interval(difference, customers[index])
    # `recency` is now the last of the recency-only models.
    for title, (name, limit) in task.slices.items():
        value = matrix[index, names.index(name)]
        part = value <= limit
        difference = (losses(held, model) - losses(held, recency))[part]
        metrics[f"{title}_rows"] = int(part.sum())
        metrics[f"{title}_log_loss"] = round(float(losses(held, model)[part].mean()), 5)
        metrics[f"{title}_log_loss_minus_{task.recency[-1][0]}_only"] = round(float(difference.mean()), 5)
        metrics[f"{title}_log_loss_minus_{task.recency[-1][0]}_only_95"] = bootstrap_interval(difference, customers[index][part])
    return metrics


def write_onnx(path, name, fitted, features):
    """features -> min, max, / unit, log(1 + x), linear, sigmoid; scaling is folded into the linear part."""
    scaler, regression = fitted.named_steps["standardscaler"], fitted.named_steps["logisticregression"]
    weights = regression.coef_[0] / scaler.scale_
    bias = regression.intercept_[0] - (weights * scaler.mean_).sum()
    constants = {
        "cap": [feature.cap for feature in features],
        "per_unit": [1 / feature.unit for feature in features],
        "one": [1.0],
        "weights": weights.reshape(-1, 1),
        "bias": [bias],
    }
    nodes = [
        ("Relu", ["features"], "at_least_0"),
        ("Min", ["at_least_0", "cap"], "capped"),
        ("Mul", ["capped", "per_unit"], "in_units"),
        ("Add", ["in_units", "one"], "plus_one"),
        ("Log", ["plus_one"], "logarithms"),
        ("MatMul", ["logarithms", "weights"], "weighted"),
        ("Add", ["weighted", "bias"], "margin"),
        ("Sigmoid", ["margin"], "probability"),
    ]
    graph = helper.make_graph(
        [helper.make_node(kind, inputs, [output], name=output) for kind, inputs, output in nodes],
        name,
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["rows", len(features)])],
        [helper.make_tensor_value_info("probability", TensorProto.FLOAT, ["rows", 1])],
        [numpy_helper.from_array(np.asarray(value, dtype=np.float32), key) for key, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], producer_name="nba-engine")
    model.ir_version = 8
    onnx.checker.check_model(model, full_check=True)
    path.write_bytes(model.SerializeToString())


def write_golden(path, fitted, features, matrix):
    """Rows over the whole range of probabilities, one with every feature missing, one of zeros."""
    order = np.argsort(fitted.predict_proba(matrix)[:, 1], kind="stable")
    picked = order[np.linspace(0, len(order) - 1, GOLDEN_ROWS - 2).astype(int)]
    width = len(features)
    rows = np.vstack([matrix[picked], np.full((1, width), np.nan), np.zeros((1, width))])
    golden = {
        "features": [feature.name for feature in features],
        "rows": [[None if np.isnan(cell) else float(cell) for cell in row] for row in rows],
        "expected": [float(value) for value in fitted.predict_proba(rows)[:, 1]],
    }
    path.write_text(json.dumps(golden, indent=0).replace("\n", " ").replace("], [", "],\n[") + "\n")


def number(value):
    return str(int(value)) if float(value).is_integer() else repr(float(value))


def write_card(path, task, sha256, default, trained_on, metrics):
    def scalar(value):
        return json.dumps(value, ensure_ascii=False)

    lines = [
        "# Written by train.py: train again instead of editing. See models/README.md.",
        f"name: {task.name}",
        f"label: {task.label}",
        "unit: customer",
        "file: model.onnx",
        f"sha256: {sha256}",
        "opset: 15",
        "input: features",
        "features:",
    ]
    for feature in task.features:
        why = f", why: {scalar(feature.why)}" if feature.why else ""
        lines.append(f"  - {{ name: {feature.name}, default: {number(feature.default)}{why} }}")
    lines += ["output: { name: probability, positive: 0 }", "calibration:", "  method: none; a logistic regression fitted by log loss"]
    measured = (
        f"on the holdout: mean probability {metrics['mean_probability']} where the rate is {metrics['holdout_rate']}, "
        f"slope {metrics['calibration_slope']}, mean gap over ten bins {metrics['calibration_gap']}"
    )
    lines += [f"  measured: {scalar(measured)}", f"default: {default}", "trainedOn:"]
    lines += [f"  {key}: {scalar(value)}" for key, value in trained_on.items()]
    lines += ["metrics:"] + [f"  {key}: {scalar(value)}" for key, value in metrics.items()]
    lines += ["limits:"] + [f"  - {scalar(limit)}" for limit in task.limits]
    path.write_text("\n".join(lines) + "\n")


def train(task, folder):
    if len(sys.argv) != 2:
        sys.exit(f"usage: {sys.argv[0]} ROWS.csv (see models/README.md)")
    customers, at, labels, matrix = read_rows(sys.argv[1], task.features)
    metrics = measure(task, matrix, (customers, at, labels))
    used = at >= instant(task.train_from)
    strength = choose_strength(lambda c: candidate(task.features, c), matrix[used], labels[used], customers[used])
    fitted = candidate(task.features, strength).fit(matrix[used], labels[used])
    write_onnx(folder / "model.onnx", task.name, fitted, task.features)
    write_golden(folder / "golden.json", fitted, task.features, matrix[used])
    sha256 = hashlib.sha256((folder / "model.onnx").read_bytes()).hexdigest()
    trained_on = {
        **task.trained_on,
        "rows": int(used.sum()),
        "customers": len(np.unique(customers[used])),
        "positives": int(labels[used].sum()),
        "from": day(at[used].min()),
        "to": day(at[used].max()),
        "strength": strength,
        "tools": f"scikit-learn {sklearn.__version__}, numpy {np.__version__}, onnx {onnx.__version__}",
    }
    write_card(folder / "model.yaml", task, sha256, round(float(labels[used].mean()), 4), trained_on, metrics)
    for key, value in metrics.items():
        print(f"{key}: {value}")
    print(f"model.onnx: sha256 {sha256}")
