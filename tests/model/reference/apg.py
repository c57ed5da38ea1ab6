"""APG, row by row: Yan et al. 2022, with every layer's full weight written out."""

from functools import reduce

from .arithmetic import dense, relu, weights


def score(model, x, scenario):
    w = weights(model)
    logits = []
    for row, s in zip(x.double(), scenario.tolist(), strict=True):
        h = row
        for i in range(len(model.mlp_hidden_size)):
            core = dense(w.linear(f"layers.{i}.core"), w["scenario_embedding.weight"][s])
            core = core.reshape(model.rank, model.rank)
            V, U = (factor(w, f"layers.{i}.{part}.factors") for part in ("down", "up"))
            h = relu(dense((U @ core @ V, w[f"layers.{i}.bias"]), h))
        logits.append(dense(w.linear("logit"), h)[0])
    return logits


def factor(w, path):
    matrices = [weight for weight, _ in w.linear_layers(path)]
    return reduce(lambda product, matrix: matrix @ product, matrices)
