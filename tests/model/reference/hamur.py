"""HAMUR, row by row: Li et al. 2023, with every generated matrix written out."""

from .arithmetic import dense, relu, sigmoid, weights


def score(model, x, scenario):
    w = weights(model)
    n_layers = len(model.mlp_hidden_size)
    logits = []
    for row, s in zip(x.double(), scenario.tolist(), strict=True):
        core = row
        for i in range(len(model.hyper_hidden_size) + 1):
            core = layer(w, f"hyper.{i}.1", core)
        core = core.reshape(model.rank, model.rank)
        h = row
        for i in range(n_layers):
            h = layer(w, f"networks.{s}.{i}.1", h)
            adapter = i - (n_layers - model.n_adapters)
            if adapter >= 0:
                h = adapt(w, f"adapters.{adapter}", s, h, core)
        logits.append(dense(w.linear(f"logits.{s}"), h)[0])
    return logits


def normalised(w, statistics, affine, z):
    z = (z - w[f"{statistics}.running_mean"]) / (w[f"{statistics}.running_var"] + 1e-5).sqrt()
    return w[f"{affine}.gamma"] * z + w[f"{affine}.beta"]


def layer(w, path, h):
    z = dense(w.linear(f"{path}.linear"), h)
    return relu(normalised(w, f"{path}.statistics", path, z) if f"{path}.gamma" in w.state else z)


def adapt(w, path, s, h, core):
    down = w[f"{path}.down_out.weight"] @ core @ w[f"{path}.down_in.weight"]
    up = w[f"{path}.up_out.weight"] @ core @ w[f"{path}.up_in.weight"]
    z = dense((up, w[f"{path}.up_out.bias"]), sigmoid(dense((down, w[f"{path}.down_out.bias"]), h)))
    return h + normalised(w, f"{path}.statistics.{s}", path, z)
