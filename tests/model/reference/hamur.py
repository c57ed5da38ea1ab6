"""HAMUR, row by row: Li et al. 2023, with every generated matrix written out."""

from .arithmetic import dense, relu, run_mlp, sigmoid, weights


def score(model, x, scenario):
    w = weights(model)
    logits = []
    for row, s in zip(x.double(), scenario.tolist(), strict=True):
        core = run_mlp(w.linear_layers("hyper.0.mlp_layers"), row)
        core = dense(w.linear("hyper.1"), core).reshape(model.rank, model.rank)
        h = run_mlp(w.linear_layers("bottom"), row)
        for i, layer in enumerate(w.linear_layers("layers")):
            h = adapt(w, f"adapters.{s}.{i}", relu(dense(layer, h)), core)
        logits.append(dense(w.linear("logit"), h)[0])
    return logits


def adapt(w, path, h, core):
    down = w[f"{path}.down_out.weight"] @ core @ w[f"{path}.down_in.weight"]
    up = w[f"{path}.up_out.weight"] @ core @ w[f"{path}.up_in.weight"]
    z = dense((up, w[f"{path}.up_out.bias"]), sigmoid(dense((down, w[f"{path}.down_out.bias"]), h)))
    z = (z - w[f"{path}.norm.running_mean"]) / (w[f"{path}.norm.running_var"] + 1e-5).sqrt()
    return h + w[f"{path}.norm.gamma"] * z + w[f"{path}.norm.beta"]
