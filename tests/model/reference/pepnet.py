"""EPNet, PPNet and PEPNet, row by row: Chang et al. 2023."""

import torch

from .arithmetic import dense, relu, sigmoid, tower, weights


def score(model, x, scenario):
    w, name = weights(model), type(model).__name__
    # RecBole embeds token sequences first, then tokens.
    fields = [*model.token_seq_field_names, *model.token_field_names]
    first = {field: i * model.embedding_size for i, field in enumerate(fields)}
    logits = []
    for row, s in zip(x.double(), scenario.tolist(), strict=True):
        gated = row if name == "PPNet" else embedding_gate(w, row, s) * row
        if name == "EPNet":
            logits.append(tower(w, "tower", gated))
        else:
            ids = [row[first[f] :][: model.embedding_size] for f in ("user_id", "item_id")]
            logits.append(gated_tower(w, gated, torch.cat(ids), s))
    return logits


def embedding_gate(w, row, s):
    z = torch.cat([w["embedding_gate.scenario_embedding.weight"][s], row])
    z = relu(dense(w.linear("embedding_gate.gate.hidden"), z))
    return 2 * sigmoid(dense(w.linear("embedding_gate.gate.out"), z))


def gated_tower(w, h, prior, s):
    codes = relu(dense(w.linear("towers.gate_hidden"), torch.cat([prior, h])))
    layers = w.linear_layers(f"towers.layers.{s}")
    size = len(codes) // len(layers)  # the gates of all layers, one after the other
    for i, layer in enumerate(layers):
        code = codes[i * size : (i + 1) * size]
        h = dense(layer, 2 * sigmoid(dense(w.linear(f"towers.gate_out.{s}.{i}"), code)) * h)
        if i < len(layers) - 1:
            h = relu(h)
    return h[0]
