"""AdaptDHM, a row at a time: the centre with the largest cosine, then its network."""

import torch


def score(model, x, scenario):
    p = {k: v.double() for k, v in model.state_dict().items()}
    return torch.stack([_row(p, r) for r in x.double()])


def nearest(p, x):
    cosines = [float(x @ c / x.norm()) for c in p["routing.centres"]]
    return cosines.index(max(cosines))


def _row(p, x):
    j = nearest(p, x)
    n = len({k.split(".")[1] for k in p if k.startswith("layers.")})
    h = x
    for i in range(n):
        W = p[f"layers.{i}.shared.weight"] * p[f"layers.{i}.weight_s"][j]
        h = W @ h + p[f"layers.{i}.shared.bias"] + p[f"layers.{i}.bias_s"][j]
        if i < n - 1:
            h = h.relu()
    return h[0]
