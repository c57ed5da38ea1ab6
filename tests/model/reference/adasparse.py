"""AdaSparse, row by row and neuron by neuron: Yang et al. 2022."""

import math

import torch

from .arithmetic import dense, relu, weights


def factor(model, alpha, v):
    """How much of a neuron is left, by the form of the pruner."""
    alpha = 1.0 if model.form == "scaling" else alpha
    is_open = 1 / (1 + math.exp(-alpha * v))
    if model.form == "binarization":
        return 1.0 if is_open > model.epsilon else 0.0
    if model.form == "fusion" and model.beta * is_open <= model.epsilon:
        return 0.0
    return model.beta * is_open


def score(model, x, scenario):
    w = weights(model)
    alpha = float(w["alpha"])
    layers = w.linear_layers("layers")
    logits = []
    for row, s in zip(x.double(), scenario.tolist(), strict=True):
        h = row
        for i in range(len(layers) + 1):
            e = w["scenario_embedding.weight"][s]
            v = w[f"pruners.{i}.linear.weight"] @ torch.cat([e, h])
            h = h * torch.tensor([factor(model, alpha, n) for n in v.tolist()])
            if i < len(layers):
                h = relu(dense(layers[i], h))
        logits.append(dense(w.linear("logit"), h)[0])
    return logits
