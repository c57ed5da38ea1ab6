"""The multi-scenario backbones, a file each. Importing this package registers them all."""

from recbole_llm4msr.model.backbone.shared_bottom import SharedBottom
from recbole_llm4msr.model.backbone.star import STAR

__all__ = ["STAR", "SharedBottom"]
