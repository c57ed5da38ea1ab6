"""The models of the generic tests, and where the method itself is at odds with a property."""

from recbole_llm4msr.model import registered_models

#: Every registered backbone and its LLM4MSR twin.
MODELS = list(registered_models())
BACKBONES = [name for name in MODELS if not name.startswith("LLM4MSR_")]
ENHANCED = [name for name in MODELS if name.startswith("LLM4MSR_")]

#: Models whose method makes a row run the layers of other scenarios too, and why.
RUNS_OTHER_SCENARIOS: dict[str, str] = {
    "M3oE": "equation 5 gives the experts of all other scenarios an equal share in every row",
}
