"""Convert any log of a user (CSV, parquet, JSON lines) to atomic files with a scenario field."""

from dataset_converters.table.convert import convert_table
from dataset_converters.table.options import TableOptions

__all__ = ["TableOptions", "convert_table"]
