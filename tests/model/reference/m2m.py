"""M2M, a row at a time: meta unit, meta attention, meta tower."""

import torch


def score(model, x, scenario):
    p = {k: v.double() for k, v in model.state_dict().items()}
    return torch.stack([_row(p, r, int(s)) for r, s in zip(x.double(), scenario)])


def _leaky(z):
    return torch.where(z > 0, z, 0.1 * z)


def _mlp(p, prefix, h, act):
    for k in [k[:-7] for k in p if k.startswith(prefix) and k.endswith(".weight")]:
        h = act(p[f"{k}.weight"] @ h + p[f"{k}.bias"])
    return h


def _unit(p, prefix, knowledge):
    b = p[f"{prefix}.bias.weight"] @ knowledge + p[f"{prefix}.bias.bias"]
    W = p[f"{prefix}.weight.weight"] @ knowledge + p[f"{prefix}.weight.bias"]
    return W.reshape(len(b), len(b)), b


def _row(p, x, s):
    n_experts = len({k.split(".")[1] for k in p if k.startswith("experts.")})
    # RecBole's MLP takes "leakyrelu" with PyTorch's default slope of 0.01.
    experts = [
        _mlp(p, f"experts.{i}.", x, lambda z: torch.where(z > 0, z, 0.01 * z))
        for i in range(n_experts)
    ]
    task = _leaky(p["task_view.weight"] @ p["task_embedding.weight"][0] + p["task_view.bias"])
    e = p["scenario_embedding.weight"][s]
    knowledge = _leaky(p["scenario_knowledge.weight"] @ e + p["scenario_knowledge.bias"])

    W, b = _unit(p, "attention_unit", knowledge)
    v = p["attention.weight"][0]
    a = torch.stack([v @ _leaky(W @ torch.cat([expert, task]) + b) for expert in experts])
    a = (a - a.max()).exp()
    h = sum(w * expert for w, expert in zip(a / a.sum(), experts))
    for i in range(len({k.split(".")[1] for k in p if k.startswith("tower_units.")})):
        W, b = _unit(p, f"tower_units.{i}", knowledge)
        h = _leaky(W @ h + b + h)
    h = _mlp(p, "tower.hidden", h, torch.relu)
    return (p["tower.logit.weight"] @ h + p["tower.logit.bias"])[0]
