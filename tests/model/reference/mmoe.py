"""OMoE and MMoE, row by row: Ma et al. 2018, equations 5 to 7."""

from .arithmetic import dense, experts, tower, weighted_sum, weights


def score(model, x, scenario):
    w = weights(model)
    logits = []
    for row, s in zip(x.double(), scenario.tolist(), strict=True):
        gate = "shared_gate" if "shared_gate.weight" in w.state else f"gates.{s}"
        parts = experts(w, "experts", model.expert_num, row)
        h = weighted_sum(parts, dense(w.linear(gate), row))
        logits.append(tower(w, f"towers.{s}", h))
    return logits
