"""STAR, row by row: Sheng et al. 2021, equations 2 to 8, with running statistics."""

import torch

from .arithmetic import dense, relu, tower, weights


def score(model, x, scenario):
    w = weights(model)
    logits = []
    for row, s in zip(x.double(), scenario.tolist(), strict=True):
        h = (row - w["norm.running_mean"][s]) / (w["norm.running_var"][s] + 1e-5).sqrt()
        h = w["norm.gamma"] * w["norm.gamma_s"][s] * h + w["norm.beta"] + w["norm.beta_s"][s]
        depth = sum(name.endswith("weight_s") for name in w.state)
        for i in range(depth):
            weight = w[f"star.{i}.shared.weight"] * w[f"star.{i}.weight_s"][s]
            h = dense((weight, w[f"star.{i}.shared.bias"] + w[f"star.{i}.bias_s"][s]), h)
            if i < depth - 1:
                h = relu(h)
        a = torch.cat([row, w["scenario_embedding.weight"][s]])
        logits.append(h[0] + tower(w, "aux", a))
    return logits
