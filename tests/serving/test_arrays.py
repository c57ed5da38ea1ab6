"""Arrays of a safetensors file, mapped."""

from __future__ import annotations

import numpy as np
import pytest
from safetensors.numpy import save_file

from recbole_llm4msr.serving.arrays import MappedArrays

ARRAYS = {
    "table": np.arange(12, dtype=np.float32).reshape(4, 3),
    "ids": np.array([3, -1], np.int64),
    "small": np.array([[1, -2]], np.int8),
    "half": np.array([0.5], np.float16),
    "flag": np.array(True),
    "none": np.empty((0, 5), np.int32),
}


def test_arrays_are_those_that_were_saved_and_are_mapped(tmp_path) -> None:
    save_file(ARRAYS, tmp_path / "a.safetensors")
    arrays = MappedArrays(tmp_path / "a.safetensors")
    assert set(arrays) == set(ARRAYS) and len(arrays) == len(ARRAYS)
    for name, expected in ARRAYS.items():
        assert arrays[name].dtype == expected.dtype
        np.testing.assert_array_equal(arrays[name], expected)
        if expected.size:
            assert isinstance(arrays[name], np.memmap) and not arrays[name].flags.writeable
    offset, length = arrays.place("table")
    content = (tmp_path / "a.safetensors").read_bytes()
    assert content[offset : offset + length] == ARRAYS["table"].tobytes()


def test_a_file_without_arrays_is_read(tmp_path) -> None:
    save_file({}, tmp_path / "a.safetensors")
    assert dict(MappedArrays(tmp_path / "a.safetensors")) == {}


@pytest.mark.parametrize("size", [0, 5, 60, -1])
def test_a_truncated_file_is_refused(tmp_path, size) -> None:
    path = tmp_path / "a.safetensors"
    save_file(ARRAYS, path)
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(ValueError, match="a.safetensors: .*(truncated|not a safetensors file)"):
        MappedArrays(path)
