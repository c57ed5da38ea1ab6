"""The models of the generic tests, and where the method itself is at odds with a property."""

from recbole_llm4msr.model import registered_models
from recbole_llm4msr.model.backbone.context_adapter import ContextAdapter

#: Every registered backbone, its LLM4MSR twin, and the twins of RecBole's context-aware models.
MODELS = list(registered_models())
BACKBONES = [name for name in MODELS if not name.startswith("LLM4MSR_")]
ENHANCED = [name for name in MODELS if name.startswith("LLM4MSR_")]
ADAPTED = [
    name
    for name in ENHANCED
    if issubclass(registered_models()[name].backbone_class, ContextAdapter)
]
#: Those with a backbone of our own, for which there is a slow version.
OWN = [name for name in ENHANCED if name not in ADAPTED]

#: Models whose method makes a row run the layers of other scenarios too, and why.
RUNS_OTHER_SCENARIOS: dict[str, str] = {
    "AITM": "a scenario reads what the ones before it in the chain hand on",
    "CrossStitch": "a unit mixes the layers of all scenarios",
    "HMoE": "a logit is made of the scores that all scenarios give the row",
    "M3oE": "equation 5 gives the experts of all other scenarios an equal share in every row",
    "PLE": "the shared gate of every level but the last reads all scenarios' experts",
}

#: RecBole's models with batch normalisation: torch refuses to train it on a single row.
NO_SINGLE_ROW_TRAINING = {"LLM4MSR_DCN", "LLM4MSR_DCNV2", "LLM4MSR_NFM", "LLM4MSR_DSSM"}

#: Attributes that RecBole's models write in their forward pass, and nobody reads afterwards.
WRITTEN_IN_FORWARD = {"LLM4MSR_FiGNN": {"backbone.graph"}}

#: Parameters that RecBole's models make and do not use as they are configured.
NEVER_USED = {
    "LLM4MSR_EulerNet": (  # `apply_norm` is off
        "backbone.Euler_interaction_layers.0.norm_r",
        "backbone.Euler_interaction_layers.0.norm_p",
    )
}
