"""The models that can be exported."""

from recbole_llm4msr.model import registered_models
from recbole_llm4msr.serving.export.model_fields import REFUSED

#: Context-aware models of RecBole itself.
PLAIN = [
    *("AFM", "AutoInt", "DCN", "DCNV2", "DeepFM", "DSSM", "EulerNet", "FiGNN", "FM", "FNN"),
    *("FwFM", "LR", "NFM", "PNN", "WideDeep", "xDeepFM"),
]
BACKBONES = [name for name in registered_models() if not name.startswith("LLM4MSR_")]
EXPORTED = [*registered_models(), *PLAIN]
assert not set(EXPORTED) & set(REFUSED)
