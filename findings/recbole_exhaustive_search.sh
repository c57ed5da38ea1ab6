#!/usr/bin/env bash
# RecBole 1.2.1 with hyperopt 0.3.0: the default algorithm of HyperTuning, `exhaustive`, stops with an
# AttributeError in its first trial. RecBole draws from numpy's RandomState, and hyperopt calls the
# method `integers`, which only numpy's Generator has. `random` works.
source "$(dirname "$0")/_environment.sh"
source "$findings/_recbole.sh"
install_recbole
install hyperopt==0.3.0
python - 2> errors.log <<'PYTHON' || { cat errors.log >&2; exit 1; }
import io
from contextlib import redirect_stdout
from importlib.metadata import version

from hyperopt import hp
from recbole.trainer import HyperTuning


def objective(config_dict, config_file_list, saved=True):
    score = config_dict["learning_rate"]
    return {"model": "any", "best_valid_score": score, "valid_score_bigger": True,
            "best_valid_result": {}, "test_result": {}}


def search(algorithm):
    space = {"learning_rate": hp.choice("learning_rate", [0.1, 0.2])}
    try:
        with redirect_stdout(io.StringIO()):
            HyperTuning(objective, space=space, algo=algorithm, max_evals=2).run()
    except AttributeError as error:
        return f"AttributeError: {error}"
    return "ends"


print("recbole", version("recbole"), "hyperopt", version("hyperopt"))
outcomes = {algorithm: search(algorithm) for algorithm in ("random", "exhaustive")}
print(outcomes)
assert outcomes["random"] == "ends"
assert "integers" in outcomes["exhaustive"], "the behaviour has changed"
PYTHON
