"""The multi-scenario backbones, a file each. Importing this package registers them all."""

from recbole_llm4msr.model.backbone.adaptdhm import AdaptDHM
from recbole_llm4msr.model.backbone.adasparse import AdaSparse
from recbole_llm4msr.model.backbone.adl import ADL
from recbole_llm4msr.model.backbone.apg import APG
from recbole_llm4msr.model.backbone.hamur import HAMUR
from recbole_llm4msr.model.backbone.m2m import M2M
from recbole_llm4msr.model.backbone.m3oe import M3oE
from recbole_llm4msr.model.backbone.pepnet import EPNet, PEPNet, PPNet
from recbole_llm4msr.model.backbone.shared_bottom import SharedBottom
from recbole_llm4msr.model.backbone.star import STAR

__all__ = [
    "ADL",
    "APG",
    "HAMUR",
    "M2M",
    "STAR",
    "AdaSparse",
    "AdaptDHM",
    "EPNet",
    "M3oE",
    "PEPNet",
    "PPNet",
    "SharedBottom",
]
