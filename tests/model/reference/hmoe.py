"""HMoE, row by row: Li et al. 2020, the scores of all scenarios added up."""

from .arithmetic import dense, experts, softmax, tower, weighted_sum, weights


def score(model, x, scenario):
    w = weights(model)
    logits = []
    for row, s in zip(x.double(), scenario.tolist(), strict=True):
        parts = experts(w, "experts", model.expert_num, row)
        scores = [
            tower(w, f"towers.{j}", weighted_sum(parts, dense(w.linear(f"gates.{j}"), row)))
            for j in range(model.n_scenarios)
        ]
        relation = softmax(dense(w.linear(f"relations.{s}"), row))
        logits.append(sum(r * o for r, o in zip(relation, scores, strict=True)))
    return logits
