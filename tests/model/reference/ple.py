"""PLE, row by row, every level with all its streams: Tang et al. 2020, sections 4.1 and 4.2."""

from .arithmetic import dense, experts, tower, weighted_sum, weights


def score(model, x, scenario):
    w = weights(model)
    n_specific, n_shared = model.expert_nums
    logits = []
    for row, s in zip(x.double(), scenario.tolist(), strict=True):
        own, shared = [row] * model.n_scenarios, row
        for level in range(model.n_levels):
            path = f"levels.{level}"
            specific = [
                experts(w, f"{path}.specific.{k}", n_specific, stream)
                for k, stream in enumerate(own)
            ]
            common = experts(w, f"{path}.shared", n_shared, shared)
            own = [
                weighted_sum(specific[k] + common, dense(w.linear(f"{path}.gates.{k}"), stream))
                for k, stream in enumerate(own)
            ]
            if level < model.n_levels - 1:
                gate = dense(w.linear(f"{path}.shared_gate"), shared)
                shared = weighted_sum(
                    [*(e for own_experts in specific for e in own_experts), *common], gate
                )
        logits.append(tower(w, f"towers.{s}", own[s]))
    return logits
