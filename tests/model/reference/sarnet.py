"""SARNet, row by row: Shen et al. 2021, without behaviour attention and fairness coefficient."""

from .arithmetic import dense, experts, tower, weighted_sum, weights


def score(model, x, scenario):
    w = weights(model)
    logits = []
    for row, s in zip(x.double(), scenario.tolist(), strict=True):
        h = w["beta"][s] * row + w["gamma"][s]
        parts = experts(w, f"specific.{s}", model.specific_expert_num, h)
        parts += experts(w, "shared", model.shared_expert_num, h)
        logits.append(tower(w, "tower", weighted_sum(parts, dense(w.linear("gate"), h))))
    return logits
