"""LLM4MSR, row by row: every generated matrix is written out."""

from itertools import pairwise

import torch

from .arithmetic import dense, relu, sigmoid, weights


def code(w, path, knowledge):
    """SiLU(A k + a)."""
    z = dense(w.linear(f"{path}.encoder.encode.0"), knowledge.double())
    return z * sigmoid(z)


def generated_matrix(w, path, z, size):
    """W(z), (D, D), for whichever form the parameters at ``path`` are of."""
    if f"{path}.basis" in w.state:
        blocks = w[f"{path}.basis"].split(size, dim=1)  # the transpose of each T_k
        return sum(zk * block.T for zk, block in zip([*z, 1.0], blocks, strict=True))
    if f"{path}.scale.weight" in w.state:
        return torch.diag(dense(w.linear(f"{path}.scale"), z))
    down, up = w[f"{path}.down.weight"], w[f"{path}.up.weight"]
    core = dense(w.linear(f"{path}.core"), z).view(len(down), len(down))
    return up @ core @ down


def user_level(w, row, knowledge):
    z = code(w, "user_meta", knowledge)
    n_layers = sum(n.startswith("user_meta.") and n.endswith(".bias.weight") for n in w.state)
    for i in range(n_layers):
        path = f"user_meta.layers.{i}"
        matrix = generated_matrix(w, f"{path}.weight", z, len(row))
        row = row + torch.tanh(matrix @ row + dense(w.linear(f"{path}.bias"), z))
    return row


def scenario_level(w, row, knowledge, sizes):
    numbers = dense(w.linear("scenario_meta.generate"), code(w, "scenario_meta", knowledge))
    h = row
    for i, (n_in, n_out) in enumerate(pairwise(sizes), start=1):
        matrix, bias = numbers[: n_in * n_out].view(n_out, n_in), numbers[n_in * n_out :][:n_out]
        numbers = numbers[n_in * n_out + n_out :]
        h = matrix @ h + bias
        if i < len(sizes) - 1:
            h = relu(h)
    assert len(numbers) == 0
    return h[0]


def score(model, slow_backbone, x, scenario, user_index):
    w = weights(model)
    table = model.knowledge
    changed = torch.stack(
        [
            user_level(w, row, table.user[u])
            for row, u in zip(x.double(), user_index.tolist(), strict=True)
        ]
    )
    logits = slow_backbone.score(model.backbone, changed, scenario)
    sizes = model.scenario_meta.sizes
    return torch.stack(
        [
            torch.as_tensor(logit) + scenario_level(w, row, table.scenario[s], sizes)
            for logit, row, s in zip(logits, changed, scenario.tolist(), strict=True)
        ]
    )
