"""M2M, row by row: Zhang et al. 2022, meta unit, meta attention and meta tower."""

import torch

from .arithmetic import dense, relu, softmax, weights


def leaky(x, slope=0.1):
    return torch.where(x > 0, x, slope * x)


def meta_unit(w, path, knowledge):
    bias = dense(w.linear(f"{path}.bias"), knowledge)
    return dense(w.linear(f"{path}.weight"), knowledge).reshape(len(bias), len(bias)), bias


def score(model, x, scenario):
    w = weights(model)
    task = leaky(dense(w.linear("task_view"), w["task_embedding.weight"][0]))
    logits = []
    for row, s in zip(x.double(), scenario.tolist(), strict=True):
        knowledge = leaky(dense(w.linear("scenario_knowledge"), w["scenario_embedding.weight"][s]))
        experts = []
        for i in range(model.expert_num):
            h = row
            for layer in w.linear_layers(f"experts.{i}.mlp_layers"):
                h = leaky(dense(layer, h), 0.01)  # as steep as RecBole's MLP has it
            experts.append(h)
        unit = meta_unit(w, "attention_unit", knowledge)
        scores = [
            dense(w.linear("attention"), leaky(dense(unit, torch.cat([e, task]))))[0]
            for e in experts
        ]
        shares = softmax(torch.stack(scores))
        h = sum(share * expert for share, expert in zip(shares, experts, strict=True))
        for i in range(model.meta_tower_layers):
            h = leaky(dense(meta_unit(w, f"tower_units.{i}", knowledge), h) + h)
        for layer in w.linear_layers("tower.hidden"):
            h = relu(dense(layer, h))
        logits.append(dense(w.linear("tower.logit"), h)[0])
    return logits
