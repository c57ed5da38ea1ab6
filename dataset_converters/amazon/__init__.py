"""Convert Amazon reviews (2014, 2018, 2023) to atomic files with a scenario per category."""

from dataset_converters.amazon.convert import amazon_settings, convert_amazon
from dataset_converters.amazon.options import AmazonOptions

__all__ = ["AmazonOptions", "amazon_settings", "convert_amazon"]
