"""Multi-scenario models: the base class, the backbones, and LLM4MSR around a backbone."""

from recbole_llm4msr.model.base import MultiScenarioRecommender
from recbole_llm4msr.model.catalogue import backbone_of, get_model, registered_models
from recbole_llm4msr.model.llm4msr import LLM4MSR
from recbole_llm4msr.model.registry import register_backbone

__all__ = [
    "LLM4MSR",
    "MultiScenarioRecommender",
    "backbone_of",
    "get_model",
    "register_backbone",
    "registered_models",
]
