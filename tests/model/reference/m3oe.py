"""M3oE, row by row: Zhang et al. 2024, equations 1 to 8."""

from .arithmetic import dense, relu, run_mlp, sigmoid, tower, weighted_sum, weights


def experts(w, path, h):
    outputs = []
    for gamma, beta, weight, bias in zip(
        w[f"{path}.gamma"],
        w[f"{path}.beta"],
        w[f"{path}.linear.weight"].split(w[f"{path}.gamma"].shape[1]),
        w[f"{path}.linear.bias"].split(w[f"{path}.gamma"].shape[1]),
        strict=True,
    ):
        z = weight @ h + bias
        z = (z - z.mean()) / (((z - z.mean()) ** 2).mean() + 1e-5).sqrt()
        outputs.append(relu(gamma * z + beta))
    return outputs


def score(model, x, scenario):
    w = weights(model)
    alpha_d, alpha_t, beta = (sigmoid(w[n]) for n in ("alpha_d", "alpha_t", "beta_d"))
    logits = []
    for row, s in zip(x.double(), scenario.tolist(), strict=True):
        weight = w["domain_layer.shared.weight"] * w["domain_layer.weight_s"][s]
        own = weight @ row + w["domain_layer.shared.bias"] + w["domain_layer.bias_s"][s]
        h = dense(w.linear("align"), own) + run_mlp(w.linear_layers("agnostic.mlp_layers"), row)

        gate = dense(w.linear(f"gates.{s}"), h)
        shared = weighted_sum(experts(w, "shared_experts", h), gate)
        of_scenarios = experts(w, "scenario_experts", h)
        others = [e for t, e in enumerate(of_scenarios) if t != s]
        domain = beta * of_scenarios[s] + (1 - beta) * sum(others) / len(others)
        h = shared + alpha_d * domain + alpha_t * experts(w, "task_expert", h)[0]
        logits.append(tower(w, f"towers.{s}", h))
    return logits
