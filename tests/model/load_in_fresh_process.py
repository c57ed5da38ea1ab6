"""Load every checkpoint of a folder, compare its predictions, print the names that agree."""

import sys
from pathlib import Path
from types import SimpleNamespace

import torch
from recbole.data.interaction import Interaction

from recbole_llm4msr import create_dataset, data_preparation, get_model
from recbole_llm4msr.compat import load_checkpoint

torch.set_num_threads(1)
folder = Path(sys.argv[1])
inputs = torch.load(folder / "inputs")
batch, train = Interaction(inputs["batch"]), None
for file in sorted(folder.glob("*.pth"), key=lambda path: path.stem):
    checkpoint = load_checkpoint(file)
    config = checkpoint["config"]
    if train is None:
        config["use_user_meta"] = config["use_scenario_meta"] = False  # brings its own knowledge
        train = data_preparation(config, create_dataset(config))[0].dataset
        train.knowledge = SimpleNamespace(**inputs["knowledge"])
        config = load_checkpoint(file)["config"]
    model = get_model(config["model"])(config, train).eval()
    model.load_state_dict(checkpoint["state_dict"])
    with torch.no_grad():
        if torch.equal(model.predict(batch), torch.load(folder / f"{file.stem}.pt")):
            print(file.stem)
