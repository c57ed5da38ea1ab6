"""Blocks of whole records from plain and gzip files, and reading ahead."""

import gzip
from pathlib import Path

import pytest

from dataset_converters.errors import ConverterError
from dataset_converters.reading import RawFile, blocks
from dataset_converters.reading.blocks import Block, read_ahead, read_blocks
from dataset_converters.reading.streams import GzipStream


def _blocks(path: Path, *, quoted: bool = True) -> list[Block]:
    file = RawFile(path)
    return list(read_blocks(file, file.open(), quoted=quoted))


@pytest.mark.parametrize("size", [1, 2, 7, 16, 1000])
def test_blocks_end_with_records(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr(blocks, "BLOCK_BYTES", size)
    text = b'a,b\n1,"x\ny"\n2,"p""q\n\n"\n3,z\n4,end'
    path = tmp_path / "f.csv"
    path.write_bytes(text)
    cut = _blocks(path)
    assert b"".join(block.data for block in cut) == text
    line = 1
    for block in cut:
        assert block.line == line
        assert block.data.count(b'"') % 2 == 0
        line += block.data.count(b"\n")
    assert all(block.data.endswith(b"\n") for block in cut[:-1])


def test_an_unclosed_quote_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "f.csv"
    path.write_text('a,b\n1,x\n2,"y\n' + "3,z\n" * 50)
    with pytest.raises(ConverterError, match=r"f.csv: a double quote opened at or after line 3"):
        _blocks(path)
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 16)
    monkeypatch.setattr(blocks, "_MAX_RECORD_BYTES", 40)
    with pytest.raises(ConverterError, match="is never closed"):
        _blocks(path)


def test_gzip_of_several_members_and_padding(tmp_path: Path) -> None:
    path = tmp_path / "f.gz"
    path.write_bytes(gzip.compress(b"one\n") + gzip.compress(b"two\n") + b"\0" * 100)
    stream = GzipStream(path)
    assert stream.read(5) == b"one\nt"
    assert stream.read(50) == b"wo\n"
    assert stream.read(50) == b""
    assert not stream.truncated


def test_a_truncated_gzip_gives_every_whole_line(tmp_path: Path) -> None:
    lines = b"".join(b"%d some text to be packed\n" % (i * i) for i in range(20_000))
    packed = gzip.compress(lines)
    path = tmp_path / "f.gz"
    path.write_bytes(packed[: len(packed) // 2])
    notes: list[str] = []
    file = RawFile(path)
    text = b"".join(
        b.data for b in read_blocks(file, file.open(), quoted=False, truncation_notes=notes)
    )
    assert lines.startswith(text)
    assert text.endswith(b"\n")
    assert text.count(b"\n") > 5_000
    assert f"{text.count(bytes([10])):,} whole lines" in notes[0]
    with pytest.raises(ConverterError, match=r"f.gz: the gzip stream is truncated in line"):
        _blocks(path, quoted=False)


def test_read_ahead_keeps_order_and_errors() -> None:
    assert list(read_ahead(iter(range(100)))) == list(range(100))

    def fails():
        yield 1
        raise ConverterError("no")

    seen = []
    with pytest.raises(ConverterError, match="no"):
        seen.extend(read_ahead(fails()))
    assert next(read_ahead(iter([5, 6]))) == 5  # leaving early does not block
