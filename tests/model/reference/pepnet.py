"""EPNet, PPNet and PEPNet, a row at a time, from equations 1 to 9 of the paper."""

import torch


def score(model, x, scenario):
    p = {k: v.double() for k, v in model.state_dict().items()}
    E = model.embedding_size
    return torch.stack([_row(model, p, r, int(s), E) for r, s in zip(x.double(), scenario)])


def _row(model, p, x, s, E):
    name = type(model).__name__
    gated = x
    if name != "PPNet":
        z = torch.cat([p["embedding_gate.scenario_embedding.weight"][s], x])
        z = (
            p["embedding_gate.gate.hidden.weight"] @ z + p["embedding_gate.gate.hidden.bias"]
        ).relu()
        z = p["embedding_gate.gate.out.weight"] @ z + p["embedding_gate.gate.out.bias"]
        gated = x * 2 / (1 + (-z).exp())
    if name == "EPNet":
        h = gated
        hidden = [k[:-7] for k in p if k.startswith("tower.hidden") and k.endswith(".weight")]
        for k in hidden:
            h = (p[f"{k}.weight"] @ h + p[f"{k}.bias"]).relu()
        return (p["tower.logit.weight"] @ h + p["tower.logit.bias"])[0]

    # RecBole embeds token sequences first, then tokens.
    fields = [*model.token_seq_field_names, *model.token_field_names]
    prior = torch.cat([x[fields.index(f) * E :][:E] for f in ("user_id", "item_id")])
    code = torch.cat([prior, gated])
    code = (p["towers.gate_hidden.weight"] @ code + p["towers.gate_hidden.bias"]).relu()
    n = len([k for k in p if k.startswith(f"towers.layers.{s}.") and k.endswith(".weight")])
    G = len(code) // n
    h = gated
    for i in range(n):
        gate = p[f"towers.gate_out.{s}.{i}.weight"] @ code[i * G : (i + 1) * G]
        gate = 2 / (1 + (-(gate + p[f"towers.gate_out.{s}.{i}.bias"])).exp())
        h = p[f"towers.layers.{s}.{i}.weight"] @ (gate * h) + p[f"towers.layers.{s}.{i}.bias"]
        if i < n - 1:
            h = h.relu()
    return h[0]
