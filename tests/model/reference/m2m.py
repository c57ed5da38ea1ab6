"""M2M, row by row: Zhang et al. 2022, meta unit, meta attention and meta tower."""

import torch

from .arithmetic import dense, experts, tower, weighted_sum, weights


def leaky(x):
    return torch.where(x > 0, x, 0.1 * x)


def meta_unit(w, path, knowledge):
    bias = dense(w.linear(f"{path}.bias"), knowledge)
    return dense(w.linear(f"{path}.weight"), knowledge).reshape(len(bias), len(bias)), bias


def score(model, x, scenario):
    w = weights(model)
    task = leaky(dense(w.linear("task_view"), w["task_embedding.weight"][0]))
    logits = []
    for row, s in zip(x.double(), scenario.tolist(), strict=True):
        knowledge = leaky(dense(w.linear("scenario_knowledge"), w["scenario_embedding.weight"][s]))
        views = experts(w, "experts", model.expert_num, row)
        unit = meta_unit(w, "attention_unit", knowledge)
        scores = [
            dense(w.linear("attention"), leaky(dense(unit, torch.cat([e, task]))))[0] for e in views
        ]
        h = weighted_sum(views, torch.stack(scores))
        for i in range(model.meta_tower_layers):
            h = leaky(dense(meta_unit(w, f"tower_units.{i}", knowledge), h) + h)
        logits.append(tower(w, "tower", h))
    return logits
