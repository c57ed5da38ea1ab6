"""Checksums of files and JSON objects."""

import json
import zlib

import pytest

from recbole_llm4msr.util.checksum import (
    ChecksumError,
    file_checksum,
    verify_checksum,
    with_checksum,
)


def test_a_file_has_the_crc32_of_its_bytes(tmp_path) -> None:
    content = bytes(range(256)) * 40_000  # longer than one block
    (tmp_path / "file").write_bytes(content)
    assert file_checksum(tmp_path / "file") == zlib.crc32(content)


def test_an_object_round_trips_through_json() -> None:
    content = {"b": (1, 2.5e-17), "a": None, 3: {"text": "é"}}
    read = json.loads(json.dumps(with_checksum(content)))
    assert verify_checksum(read) == json.loads(json.dumps(content))
    assert verify_checksum(dict(reversed(read.items()))) == json.loads(json.dumps(content))


@pytest.mark.parametrize("content", [[], "text", None, {"a": 1}, {"a": 1, "crc32": 5}])
def test_any_other_object_is_refused(content) -> None:
    with pytest.raises(ChecksumError):
        verify_checksum(content)


def test_a_missing_checksum_can_be_allowed() -> None:
    assert verify_checksum({"a": 1}, required=False) == {"a": 1}
