"""Download, verify and convert the data sets that a properties file describes."""

from dataset_converters.download.prepare import prepare_dataset
from dataset_converters.download.recipe import Recipe, read_download_section
from dataset_converters.download.remote_file import RemoteFile, verify

__all__ = ["Recipe", "RemoteFile", "prepare_dataset", "read_download_section", "verify"]
