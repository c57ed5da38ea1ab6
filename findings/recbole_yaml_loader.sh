#!/usr/bin/env bash
# A RecBole 1.2.1 Config changes PyYAML's FullLoader for the whole process: it adds its rule for
# numbers to the class itself, so that other code reads 1e-3 as a number afterwards and as a text
# before.
source "$(dirname "$0")/_environment.sh"
source "$findings/_recbole.sh"
install_recbole
python - <<'PYTHON'
import yaml

before = yaml.load("rate: 1e-3", Loader=yaml.FullLoader)
from small import config, write

write(inter=[("user_id:token", "item_id:token", "label:float"), ("u", "i", 1)])
config()
after = yaml.load("rate: 1e-3", Loader=yaml.FullLoader)
print("PyYAML", yaml.__version__, "before:", before, "after a Config:", after)
assert before == {"rate": "1e-3"} and after == {"rate": 0.001}, "the behaviour has changed"
PYTHON
