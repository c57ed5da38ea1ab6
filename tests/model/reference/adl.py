"""ADL, a row at a time: the shared network plus that of the nearest centre."""

import torch


def score(model, x, scenario):
    p = {k: v.double() for k, v in model.state_dict().items()}
    return torch.stack([_row(p, r) for r in x.double()])


def _tower(p, prefix, h):
    for k in [k[:-7] for k in p if k.startswith(f"{prefix}.hidden") and k.endswith(".weight")]:
        h = (p[f"{k}.weight"] @ h + p[f"{k}.bias"]).relu()
    return (p[f"{prefix}.logit.weight"] @ h + p[f"{prefix}.logit.bias"])[0]


def _row(p, x):
    similarity = (p["routing.centres"] * x).sum(dim=1)
    j = int(similarity.argmax())  # a row's length changes no order
    return _tower(p, "shared", x) + _tower(p, f"towers.{j}", x)
