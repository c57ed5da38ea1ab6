#!/usr/bin/env bash
# ray 2.60.0: tune.report takes a dict of metrics. A trial that reports by keywords
# (tune.report(auc=0.7), as in ray 2.6 and in RecBole 1.2.1) ends with a TypeError. Outside a trial
# the same call is accepted, so that a test without ray's Tuner does not find it.
source "$(dirname "$0")/_environment.sh"
install "ray[tune]==2.60.0"
export RAY_AIR_NEW_OUTPUT=0 RAY_USAGE_STATS_ENABLED=0
python - 2> errors.log <<'PYTHON' || { cat errors.log >&2; exit 1; }
import inspect

import ray
from ray import tune

print("ray", ray.__version__, "tune.report" + str(inspect.signature(tune.report)))
tune.report(auc=0.7)
print("outside a trial: accepted")


def trial_with_keywords(config):
    tune.report(auc=0.7)


def trial_with_dict(config):
    tune.report({"auc": 0.7})


ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False)
run = tune.RunConfig(verbose=0)
[by_dict] = tune.Tuner(trial_with_dict, run_config=run).fit()
[by_keywords] = tune.Tuner(trial_with_keywords, run_config=run).fit()
ray.shutdown()
print("a trial with a dict:", by_dict.metrics.get("auc"), by_dict.error)
print("a trial with keywords:", str(by_keywords.error).strip().splitlines()[-1])
assert by_dict.error is None
assert "TypeError" in str(by_keywords.error), "the behaviour has changed"
PYTHON
