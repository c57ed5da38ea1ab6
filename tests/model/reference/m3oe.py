"""M3oE, a row at a time, from equations 1 to 8 of the paper."""

import torch


def score(model, x, scenario):
    p = {k: v.double() for k, v in model.state_dict().items()}
    return torch.stack([_row(p, r, int(s)) for r, s in zip(x.double(), scenario)])


def _mlp(p, prefix, h):
    for k in [k[:-7] for k in p if k.startswith(prefix) and k.endswith(".weight")]:
        h = (p[f"{k}.weight"] @ h + p[f"{k}.bias"]).relu()
    return h


def _experts(p, name, h):
    gamma, beta = p[f"{name}.gamma"], p[f"{name}.beta"]
    N, E = gamma.shape
    out = []
    for e in range(N):
        W = p[f"{name}.linear.weight"][e * E : (e + 1) * E]
        z = W @ h + p[f"{name}.linear.bias"][e * E : (e + 1) * E]
        z = (z - z.mean()) / (z.var(unbiased=False) + 1e-5).sqrt()
        out.append((gamma[e] * z + beta[e]).relu())
    return out


def _sigmoid(z):
    return 1 / (1 + (-z).exp())


def _row(p, x, s):
    W = p["domain_layer.weight_s"][s] * p["domain_layer.shared.weight"]
    f_dr = W @ x + p["domain_layer.bias_s"][s] + p["domain_layer.shared.bias"]
    h = p["align.weight"] @ f_dr + p["align.bias"] + _mlp(p, "agnostic.", x)

    gate = (p[f"gates.{s}.weight"] @ h + p[f"gates.{s}.bias"]).exp()
    shared = sum(g * e for g, e in zip(gate / gate.sum(), _experts(p, "shared_experts", h)))
    experts = _experts(p, "scenario_experts", h)
    S = len(experts)
    domain = experts[0]
    if S > 1:
        beta = _sigmoid(p["beta_d"])
        others = sum(experts[t] for t in range(S) if t != s)
        domain = beta * experts[s] + (1 - beta) / (S - 1) * others
    (task,) = _experts(p, "task_expert", h)
    h = shared + _sigmoid(p["alpha_d"]) * domain + _sigmoid(p["alpha_t"]) * task
    h = _mlp(p, f"towers.{s}.hidden", h)
    return (p[f"towers.{s}.logit.weight"] @ h + p[f"towers.{s}.logit.bias"])[0]
