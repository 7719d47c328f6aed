#!/usr/bin/env python3
"""Circle loss and its gradients in NumPy: a backend to start a port from. See docs/port-a-backend.md.

    circle_loss.py GOLDEN RESULTS [--dtype float32] [--mistake NAME]

answers every case of a golden set, for `mcircle verify` to judge. --mistake plants one of the mistakes that ports make; --list-mistakes names them.
"""

import argparse
import json
import pathlib

import numpy as np

# name of the planted mistake -> the cause that verify is to name, or behind ~ what it is to say of the numbers
MISTAKES = {
    "alpha-attached": "alpha-attached",
    "mean-over-all": "mean-over-all",
    "sum-not-mean": "sum",
    "diagonal-kept": "diagonal-kept",
    "separate": "separate",
    "labels-float32": "labels-float32",
    "labels-bfloat16": "labels-bfloat16",
    "labels-int32": "labels-int32",
    "jacobian-missing": "jacobian-missing",
    "jacobian-not-projected": "jacobian-not-projected",
    "queries-only": "gradient-of-queries-only",
    "not-normalized": "not-normalized",
    "alpha-not-floored": "alpha-not-floored",
    "alpha-constant": "alpha-constant",
    "masked-by-a-factor": "masked-counts-one",
    "clamp-passes-gradient": "clamp-passes-gradient",
    "pairs-twice": "pairs-twice",
    "upstream-ignored": "upstream-ignored",
    "weights-ignored": "weights-ignored",
    "softplus-missing": "softplus-missing",
    "margins-swapped": "margins-swapped",
    "ignore-label-as-class": "ignore-label-as-class",
    "exp-before-max": "exp-before-max",
    "softplus-overflow": "softplus-overflow",
    "gradient-halved": "~each is 0.5 times the expected one",
    "gradient-times-count": "~each is the expected one times the number of queries",
    "column-major": "column-major",
    "alpha-attached-positives": "alpha-attached-positives",
    "log-mean-exp": "log-mean-exp",
    "log-mean-exp-in-shares": "log-mean-exp-in-shares",
    "negative-optimum-plus-margin": "negative-optimum-plus-margin",
    "last-tile-left-out": "last-tile-of-16-left-out",
    "tf32": "rounded-to-11-bits",
    "losses-sorted": "losses-sorted",
    "weights-sum-to-one": "weights-sum-to-one",
    "excluded-references-from-1": "excluded-references-from-1",
    "base-2": "base-2",
    "similarities-floored": "similarities-floored",
    "rows-rolled": "~each has every row where the one before belongs",
}


class Rounded(np.ndarray):
    """float32 numbers; the result of every step is rounded on to float16 or bfloat16. A sum is one step, as is a product of matrices."""

    def __array_ufunc__(self, ufunc, method, *inputs, out=(), **keywords):
        plain = [x.view(np.ndarray) if isinstance(x, Rounded) else x for x in inputs]
        result = self.nearest(getattr(ufunc, method)(*plain, **keywords))
        if out:
            out[0].view(np.ndarray)[...] = result
            return out[0]
        return result

    def __array_function__(self, function, types, arguments, keywords):
        return self.nearest(super().__array_function__(function, types, arguments, keywords))

    @classmethod
    def nearest(cls, x):
        return cls.round(np.asarray(x, np.float32)).view(cls) if np.asarray(x).dtype.kind == "f" else x


class Float16(Rounded):
    @staticmethod
    def round(x):
        return x.astype(np.float16).astype(np.float32)


class Bfloat16(Rounded):
    @staticmethod
    def round(x):
        return (bfloat16(x.reshape(-1)) << 16).view(np.float32).reshape(x.shape)


# What makes numbers of a precision of others.
PRECISIONS = {
    "float64": lambda x: np.asarray(x, np.float64),
    "float32": lambda x: np.asarray(x, np.float32),
    "float16": Float16.nearest,
    "bfloat16": Bfloat16.nearest,
}


def log_sum_exp(logits, members, mistake):
    """Over the members of each row; -inf for none."""
    if mistake == "exp-before-max":
        with np.errstate(all="ignore"):
            return np.log(np.sum(np.where(members, np.exp(logits), 0), axis=1, keepdims=True))
    if mistake == "base-2":
        largest = np.max(np.where(members, logits, -np.inf), axis=1, initial=-np.inf, keepdims=True)
        with np.errstate(all="ignore"):
            return largest + np.log2(np.sum(np.where(members, np.exp2(logits - largest), 0), axis=1, keepdims=True))
    if mistake == "masked-by-a-factor":
        logits, members = np.where(members, logits, 0), np.ones_like(members)
    largest = np.max(np.where(members, logits, -np.inf), axis=1, initial=-np.inf, keepdims=True)
    shift = np.where(np.isfinite(largest), largest, 0)
    total = np.sum(np.where(members, np.exp(np.where(members, logits - shift, 0)), 0), axis=1, keepdims=True)
    if mistake in ("log-mean-exp", "log-mean-exp-in-shares"):
        total = total / np.maximum(members.sum(axis=1, keepdims=True), 1)
    with np.errstate(divide="ignore"):
        return shift + np.log(total)


def softplus(z, mistake):
    if mistake == "softplus-overflow":
        with np.errstate(over="ignore"):
            return np.log1p(np.exp(z))
    if mistake == "base-2":
        return np.maximum(z, 0) + np.log2(1 + np.exp2(-np.abs(z)))
    return np.maximum(z, 0) + np.log1p(np.exp(-np.abs(z)))


def sigmoid(z, mistake):
    e = np.exp2(-np.abs(z)) if mistake == "base-2" else np.exp(-np.abs(z))
    return np.where(z >= 0, 1 / (1 + e), e / (1 + e))


def unit_rows(rows):
    """Rows of norm 1, zero rows left as they are; and the norms, shape [count, 1]."""
    norms = np.sqrt(np.sum(rows * rows, axis=1, keepdims=True))
    return rows / np.where(norms > 0, norms, 1), norms


def through_norm(gradient, unit, norms, mistake):
    """dL/dx from dL/du where u = x / |x|; 0 for a zero row."""
    if mistake == "jacobian-missing":
        return gradient
    if mistake != "jacobian-not-projected":
        gradient = gradient - np.sum(gradient * unit, axis=1, keepdims=True) * unit
    return np.where(norms > 0, gradient / np.where(norms > 0, norms, 1), 0)


def bfloat16(x):
    """The upper half of a float32, rounded to the nearest."""
    bits = x.astype(np.float32).view(np.uint32)
    return (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16


def cast(labels, mistake):
    if mistake == "labels-float32":
        return labels.astype(np.float32)
    if mistake == "labels-int32":
        return labels.astype(np.int32)
    return bfloat16(labels) if mistake == "labels-bfloat16" else labels


def pairs_of(case, inputs, mistake):
    """Which pairs are positive and which negative, each [queries, references]; and which queries take part."""
    options, own_batch = case["options"], case["entry"] == "self"
    labels = inputs["labels"]
    reference_labels = labels if own_batch else inputs["reference-labels"]
    query_part, reference_part = np.ones(len(labels), bool), np.ones(len(reference_labels), bool)
    if options["ignore-label"] is not None and mistake != "ignore-label-as-class":
        query_part, reference_part = labels != options["ignore-label"], reference_labels != options["ignore-label"]

    taken = query_part[:, None] & reference_part[None, :]
    same = cast(labels, mistake)[:, None] == cast(reference_labels, mistake)[None, :]
    removed = np.eye(len(labels), len(reference_labels), dtype=bool)
    if "excluded-references" in inputs:
        excluded = inputs["excluded-references"] - (mistake == "excluded-references-from-1")
        taken &= np.arange(len(reference_labels))[None, :] != excluded[:, None]
    elif options["diagonal"] == "remove" and mistake != "diagonal-kept":
        taken &= ~removed if own_batch else ~(removed & same)
    if own_batch and options["scope"] == "batch":
        upper = np.triu(np.ones_like(taken))
        taken &= taken if mistake == "pairs-twice" else upper
    if mistake == "last-tile-left-out":
        taken[:, taken.shape[1] // 16 * 16:] = False
    return same & taken, ~same & taken, query_part


def clamp(s, how):
    return {"none": s, "max1": np.minimum(s, 1), "both": np.clip(s, -1, 1)}[how]


def loss_of_similarities(s, case, inputs, mistake, held):
    """The reduced loss, the losses, and the gradient of the similarities."""
    options = case["options"]
    gamma = held(options["gamma"])
    op, on, dp, dn = (held(options[name]) for name in ("positive-optimum", "negative-optimum", "positive-margin", "negative-margin"))
    if mistake == "margins-swapped":
        dp, dn = dn, dp
    if mistake == "negative-optimum-plus-margin":
        on = -on
    positive, negative, query_part = pairs_of(case, inputs, mistake)

    # Logits, and their slopes.
    given = s
    if mistake == "similarities-floored":
        s = np.maximum(s, 0)
    c = clamp(s, options["clamp"])
    if options["alpha"] == "constant" or mistake == "alpha-constant":
        positive_weight = negative_weight = np.ones_like(s)
        positive_slope, negative_slope = np.full_like(s, -gamma), np.full_like(s, gamma)
    else:
        floor = held(-np.inf if mistake == "alpha-not-floored" else 0.0)
        positive_weight, negative_weight = np.maximum(op - c, floor), np.maximum(c - on, floor)
        positive_slope, negative_slope = -gamma * positive_weight, gamma * negative_weight
        attached = options["alpha-gradient"] == "attached" or mistake == "alpha-attached"
        if attached or mistake == "alpha-attached-positives":
            positive_slope = np.where(positive_weight != 0, -gamma * (op + dp - 2 * c), 0)
        if attached and mistake != "alpha-attached-positives":
            negative_slope = np.where(negative_weight != 0, gamma * (2 * c - on - dn), 0)
    positive_logit, negative_logit = -gamma * positive_weight * (c - dp), gamma * negative_weight * (c - dn)
    if mistake != "clamp-passes-gradient":
        positive_slope, negative_slope = np.where(c == given, positive_slope, 0), np.where(c == given, negative_slope, 0)

    # One loss per row of pairs: a query's, or all of them.
    if options["scope"] == "batch":
        positive, negative, positive_logit, negative_logit, positive_slope, negative_slope = (
            x.reshape(1, -1) for x in (positive, negative, positive_logit, negative_logit, positive_slope, negative_slope))
    valid = positive.any(axis=1, keepdims=True) & negative.any(axis=1, keepdims=True)
    p, n = log_sum_exp(positive_logit, positive, mistake), log_sum_exp(negative_logit, negative, mistake)
    p, n = np.where(valid, p, 0), np.where(valid, n, 0)
    if options["combine"] == "separate" or mistake == "separate":
        losses, positive_share, negative_share = softplus(p, mistake) + softplus(n, mistake), sigmoid(p, mistake), sigmoid(n, mistake)
    elif mistake == "softplus-missing":
        losses, positive_share, negative_share = p + n, np.ones_like(p), np.ones_like(n)
    else:
        losses, positive_share, negative_share = softplus(p + n, mistake), sigmoid(p + n, mistake), sigmoid(p + n, mistake)
    losses = np.where(valid, losses, 0)
    power = np.exp2 if mistake == "base-2" else np.exp
    with np.errstate(over="ignore", invalid="ignore"):
        gradient = np.where(positive & valid, positive_share * power(np.where(positive, positive_logit - p, 0)) * positive_slope, 0)
        gradient += np.where(negative & valid, negative_share * power(np.where(negative, negative_logit - n, 0)) * negative_slope, 0)

    if mistake == "log-mean-exp":
        gradient = gradient / np.maximum(np.where(positive, positive.sum(axis=1, keepdims=True), negative.sum(axis=1, keepdims=True)), 1)

    # The reduction.
    weights = inputs["weights"][:, None] if "weights" in inputs and mistake != "weights-ignored" else np.ones_like(losses)
    if mistake == "weights-sum-to-one":
        weights = weights / weights.sum() if "weights" in inputs and weights.sum() > 0 else weights
    denominator = held(1.0)
    if options["scope"] == "query" and options["reduction"] == "mean" and mistake != "sum-not-mean":
        part = query_part[:, None]
        denominator = held(1.0 * {
            "all": part.sum(),
            "valid": valid.sum(),
            "nonzero": (losses > 0).sum(),
            "weights": weights[part].sum(),
            "weights-nonzero": weights[losses > 0].sum(),
        }["all" if mistake == "mean-over-all" else options["denominator"]])
    output_scale = 1 / gamma if options["output-scale"] == "inverse-gamma" else held(1.0)
    factor = weights * (output_scale / denominator if denominator > 0 else held(0.0))
    upstream = inputs["upstream"] if "upstream" in inputs and mistake != "upstream-ignored" else held(np.ones(1))
    gradient = gradient * factor * upstream[:, None]
    return np.sum(factor * losses), (losses * output_scale)[:, 0], gradient.reshape(s.shape)


def tf32(x):
    """The upper 19 bits of a float32, rounded to the nearest."""
    bits = x.astype(np.float32).view(np.uint32)
    return ((bits + 0xFFF + ((bits >> 13) & 1)) & 0xFFFFE000).view(np.float32)


def product(x, y, mistake):
    return tf32(x) @ tf32(y) if mistake == "tf32" else x @ y


def spoiled(name, x, case, mistake):
    """An answer as some mistakes store it."""
    if "gradient" in name:
        if mistake == "gradient-halved":
            return x * 0.5
        if mistake == "gradient-times-count":
            return x * (x.shape[0] if name != "reference-gradient" else case["inputs"]["labels"]["shape"][0])
        if mistake == "column-major":
            return x.T.reshape(x.shape)
        if mistake == "rows-rolled":
            return np.roll(x, -1, axis=0)
    return np.sort(x) if name == "losses" and mistake == "losses-sorted" else x


def answer(case, inputs, mistake, held):
    """Every answer that the case asks for, by its name."""
    options = case["options"]
    if case["entry"] == "similarities":
        loss, losses, gradient = loss_of_similarities(inputs["similarities"], case, inputs, mistake, held)
        return {"loss": loss, "losses": losses, "similarity-gradient": gradient}

    own_batch = case["entry"] == "self"
    queries, references = inputs["embeddings"], inputs["embeddings" if own_batch else "references"]
    normalize = options["normalize"] and mistake != "not-normalized"
    u, query_norms = unit_rows(queries) if normalize else (queries, None)
    v, reference_norms = unit_rows(references) if normalize else (references, None)
    loss, losses, similarity_gradient = loss_of_similarities(product(u, v.T, mistake), case, inputs, mistake, held)
    gradient, reference_gradient = product(similarity_gradient, v, mistake), product(similarity_gradient.T, u, mistake)
    if own_batch and mistake != "queries-only":
        gradient = gradient + reference_gradient
    if normalize:
        gradient, reference_gradient = through_norm(gradient, u, query_norms, mistake), through_norm(reference_gradient, v, reference_norms, mistake)
    if options["ignore-label"] is not None and mistake != "ignore-label-as-class":
        gradient[inputs["labels"] == options["ignore-label"]] = 0
    return {"loss": loss, "losses": losses, "gradient": gradient, "reference-gradient": reference_gradient}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("golden", nargs="?", type=pathlib.Path)
    parser.add_argument("results", nargs="?", type=pathlib.Path)
    parser.add_argument("--dtype", choices=PRECISIONS, default="float32")
    parser.add_argument("--mistake", choices=MISTAKES)
    parser.add_argument("--list-mistakes", action="store_true", help="each with the cause that verify is to name")
    arguments = parser.parse_args()
    if arguments.list_mistakes:
        print("\n".join(f"{mistake} {cause}" for mistake, cause in MISTAKES.items()))
        return
    if arguments.results is None:
        parser.error("expected a golden set and a directory for the results")

    held = PRECISIONS[arguments.dtype]
    manifest = json.loads((arguments.golden / "manifest.json").read_text())
    for case in manifest["cases"]:
        inputs = {name: np.load(arguments.golden / case["name"] / f"{name}.npy") for name in case["inputs"]}
        inputs = {name: held(x) if x.dtype.kind == "f" else x for name, x in inputs.items()}
        answers = answer(case, inputs, arguments.mistake, held)
        directory = arguments.results / case["name"]
        directory.mkdir(parents=True, exist_ok=True)
        for name in case["outputs"]:
            np.save(directory / f"{name}.npy", np.asarray(spoiled(name, answers[name], case, arguments.mistake)))


if __name__ == "__main__":
    main()
