"""Convert MovieLens 1M to atomic files with age groups as scenarios."""

from dataset_converters.ml_1m.convert import convert_ml_1m, ml_1m_settings
from dataset_converters.ml_1m.options import Ml1mOptions

__all__ = ["Ml1mOptions", "convert_ml_1m", "ml_1m_settings"]
