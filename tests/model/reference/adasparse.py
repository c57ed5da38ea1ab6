"""AdaSparse, a row and a neuron at a time."""

import math

import torch


def score(model, x, scenario):
    p = {k: v.double() for k, v in model.state_dict().items()}
    return torch.stack([_row(model, p, r, int(s)) for r, s in zip(x.double(), scenario)])


def _factor(model, v, alpha):
    beta, epsilon = model.beta, model.epsilon
    if model.form == "scaling":
        alpha = 1.0
    soft = 1 / (1 + math.exp(-alpha * v))
    if model.form == "binarization":
        return 1.0 if soft >= epsilon else 0.0
    return beta * soft if beta * soft >= epsilon else 0.0


def _row(model, p, h, s):
    e = p["scenario_embedding.weight"][s]
    n = len({k.split(".")[1] for k in p if k.startswith("pruners.")})
    for i in range(n):
        v = p[f"pruners.{i}.linear.weight"] @ torch.cat([e, h]) + p[f"pruners.{i}.linear.bias"]
        h = torch.stack([_factor(model, float(a), float(p["alpha"])) * b for a, b in zip(v, h)])
        if i < n - 1:
            h = (p[f"layers.{i}.weight"] @ h + p[f"layers.{i}.bias"]).relu()
    return (p["logit.weight"] @ h + p["logit.bias"])[0]
