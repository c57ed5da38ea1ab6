"""AITM, row by row: Xi et al. 2021, equations 3 to 6, down the chain to the row's scenario."""

import torch

from .arithmetic import run_mlp, tower, weighted_sum, weights


def score(model, x, scenario):
    w = weights(model)
    logits = []
    for row, s in zip(x.double(), scenario.tolist(), strict=True):
        z = run_mlp(w.linear_layers("networks.0"), row)
        for t in range(1, s + 1):
            p = run_mlp(w.linear_layers(f"transfers.{t - 1}"), z)
            q = run_mlp(w.linear_layers(f"networks.{t}"), row)
            value, query, key = (
                [w[f"attention.{h}.weight"] @ u for u in (p, q)] for h in ("value", "query", "key")
            )
            weight = [(a * b).sum() / len(z) ** 0.5 for a, b in zip(query, key, strict=True)]
            z = weighted_sum(value, torch.stack(weight))
        logits.append(tower(w, f"towers.{s}", z))
    return logits
