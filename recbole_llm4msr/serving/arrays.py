"""Arrays of a safetensors file, mapped into memory: nothing is read before it is used."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

_TYPES = {
    "F32": np.float32,
    "F16": np.float16,
    "F64": np.float64,
    "I64": np.int64,
    "I32": np.int32,
    "I8": np.int8,
    "BOOL": np.bool_,
}
_LONGEST_HEADER = 100 << 20


class MappedArrays(Mapping[str, np.ndarray]):
    """The arrays of a safetensors file by name, read-only and mapped.

    ``safetensors.safe_open`` copies every array that it returns.

    Args:
        path: The file.

    Raises:
        ValueError: It is not a safetensors file, or it ends too early.
    """

    def __init__(self, path: Path) -> None:
        size = path.stat().st_size
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if not 2 <= length <= min(size - 8, _LONGEST_HEADER):
                raise ValueError(f"{path}: this is not a safetensors file, or it is truncated")
            try:
                header = json.loads(file.read(length))
            except ValueError as error:
                raise ValueError(f"{path}: this is not a safetensors file") from error
        header.pop("__metadata__", None)
        self.start = 8 + length
        self.header: dict[str, dict] = header
        if any(self.start + entry["data_offsets"][1] > size for entry in header.values()):
            raise ValueError(f"{path}: the file is truncated")
        self._bytes = np.memmap(path, mode="r") if size > self.start else np.empty(0, np.uint8)

    def __getitem__(self, name: str) -> np.ndarray:
        entry = self.header[name]
        low, high = (self.start + end for end in entry["data_offsets"])
        return self._bytes[low:high].view(_TYPES[entry["dtype"]]).reshape(entry["shape"])

    def place(self, name: str) -> tuple[int, int]:
        """Offset in the file and length of an array, in bytes."""
        low, high = self.header[name]["data_offsets"]
        return self.start + low, high - low

    def __iter__(self) -> Iterator[str]:
        return iter(self.header)

    def __len__(self) -> int:
        return len(self.header)
