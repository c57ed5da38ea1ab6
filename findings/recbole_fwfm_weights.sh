#!/usr/bin/env bash
# RecBole 1.2.1: the field-pair weights of FwFM, which the model is named after, are a plain tensor.
# No optimiser trains them and no checkpoint holds them: a model that is loaded has other random ones.
source "$(dirname "$0")/_environment.sh"
source "$findings/_recbole.sh"
install_recbole
python - <<'PYTHON'
import torch
from recbole.data import create_dataset, data_preparation
from recbole.model.context_aware_recommender.fwfm import FwFM
from small import config, write

write(inter=[("user_id:token", "item_id:token", "label:float"),
             *[(f"u{n % 5}", f"i{n % 7}", n % 2) for n in range(40)]])
settings = config(
    "FwFM",
    load_col={"inter": ["user_id", "item_id", "label"]},
    eval_args={"split": {"RS": [0.5, 0.25, 0.25]}, "order": "RO", "group_by": None,
               "mode": "labeled"},
)
train, *_ = data_preparation(settings, create_dataset(settings))
model = FwFM(settings, train.dataset)
before = model.weight.detach().clone()
optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
batch = next(iter(train))
for _ in range(20):
    optimizer.zero_grad()
    model.calculate_loss(batch).backward()
    optimizer.step()
unchanged = torch.equal(before, model.weight)
print("parameters:", [name for name, _ in model.named_parameters()])
print("field-pair weights after 20 steps of Adam: unchanged" if unchanged else "changed")

loaded = FwFM(settings, train.dataset)
loaded.load_state_dict(model.state_dict())
model.eval(), loaded.eval()
difference = (model.predict(batch) - loaded.predict(batch)).abs().max().item()
print(f"largest difference of a prediction after loading the state: {difference:.3f}")
assert unchanged and "weight" not in model.state_dict(), "the behaviour has changed"
assert difference > 0, "the behaviour has changed"
PYTHON
