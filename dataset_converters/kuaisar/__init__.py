"""Convert KuaiSAR to atomic files with the scenarios search and recommendation."""

from dataset_converters.kuaisar.convert import convert_kuaisar, kuaisar_settings
from dataset_converters.kuaisar.options import KuaisarOptions

__all__ = ["KuaisarOptions", "convert_kuaisar", "kuaisar_settings"]
