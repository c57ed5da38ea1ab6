#!/usr/bin/env bash
# hyperopt and ray: ray.tune cannot be imported for the first time inside an objective of
# hyperopt.fmin with its progress bar, which replaces sys.stdout by an object without `encoding`.
source "$(dirname "${BASH_SOURCE[0]}")/_environment.sh"
install hyperopt==0.3.0 'ray[tune]==2.60.0' setuptools==80.9.0
python - << 'PYTHON' 2> /dev/null
from importlib.metadata import version

import hyperopt

print("hyperopt", version("hyperopt"), "ray", version("ray"))
seen = []


def objective(x: float) -> float:
    try:
        import ray.tune  # noqa: F401
    except AttributeError as error:
        seen.append(str(error))
    return x


for shown in (True, False):
    space = hyperopt.hp.uniform("x", 0, 1)
    hyperopt.fmin(objective, space, algo=hyperopt.rand.suggest, max_evals=1, show_progressbar=shown)
    print(f"with show_progressbar={shown}:", seen or "imported")
    assert bool(seen) == shown, "the behaviour has changed"
    seen.clear()
PYTHON
