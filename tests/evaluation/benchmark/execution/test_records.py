"""Runs written to ``runs.jsonl`` and read back."""

from __future__ import annotations

import errno
import json
import os
from dataclasses import replace

import polars as pl
import pytest

from recbole_llm4msr.evaluation.benchmark.execution import (
    RecordError,
    append_run,
    read_runs,
    records,
)
from recbole_llm4msr.evaluation.benchmark.execution.records import read_predictions
from recbole_llm4msr.util.checksum import file_checksum


def test_appended_runs_are_read_back_equal(runs, tmp_path) -> None:
    for run in runs:
        append_run(tmp_path / "r" / "runs.jsonl", run)
    assert read_runs(tmp_path / "r" / "runs.jsonl") == runs


def test_a_complete_last_line_without_line_end_is_kept(runs, tmp_path) -> None:
    path = tmp_path / "runs.jsonl"
    path.write_text(runs[0].to_json())
    append_run(path, runs[1])
    assert read_runs(path) == runs[:2]
    path.write_text(path.read_text() + '{"run": "a"}')
    with pytest.raises(RecordError, match="line 3: the run is missing"):
        read_runs(path)


def test_a_line_that_a_killed_process_cut_off_is_dropped(runs, tmp_path) -> None:
    path = tmp_path / "runs.jsonl"
    append_run(path, runs[0])
    path.write_text(path.read_text() + runs[1].to_json()[:50])
    with pytest.warns(UserWarning, match="line 2: cut off"):
        assert read_runs(path) == runs[:1]
    append_run(path, runs[2])
    assert read_runs(path) == [runs[0], runs[2]]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "not valid JSON"),
        ("[1]", "not a JSON object"),
        (json.dumps({"run": "a", "colour": 1}), "unknown key 'colour'"),
        (json.dumps({"run": "a"}), "missing 6 required positional arguments"),
    ],
)
def test_any_other_invalid_line_is_an_error_with_file_and_line(
    runs, tmp_path, line, message
) -> None:
    path = tmp_path / "runs.jsonl"
    path.write_text(f"{runs[0].to_json()}\n{line}\n")
    with pytest.raises(RecordError, match=f"runs.jsonl, line 2: .*{message}"):
        read_runs(path)


def test_every_changed_digit_or_letter_is_detected(runs, tmp_path) -> None:
    path = tmp_path / "runs.jsonl"
    append_run(path, runs[0])
    line = path.read_text()
    for place, character in enumerate(line):
        if not character.isalnum():
            continue
        other = "7" if character != "7" else "3"
        path.write_text(line[:place] + other + line[place + 1 :])
        with pytest.raises(RecordError, match="line 1"):
            read_runs(path)


def test_lines_without_a_checksum_are_still_read(runs, tmp_path) -> None:
    path = tmp_path / "runs.jsonl"
    content = json.loads(runs[0].to_json())
    del content["crc32"]
    path.write_text(json.dumps(content) + "\n")
    assert read_runs(path) == runs[:1]


@pytest.mark.parametrize("room", [0, 100])
def test_a_full_disk_keeps_the_recorded_runs(runs, tmp_path, monkeypatch, room) -> None:
    path = tmp_path / "runs.jsonl"
    append_run(path, runs[0])
    before = path.read_bytes()

    def full(file, content) -> None:
        file.write(content[:room])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as disk:
        disk.setattr(records, "_write_all", full)
        with pytest.raises(OSError, match=r"runs\.jsonl could not be written .No space left"):
            append_run(path, runs[1])
    assert path.read_bytes() == before
    append_run(path, runs[1])
    assert read_runs(path) == runs[:2]


@pytest.mark.parametrize("change", ["flipped", "missing", "no parquet"])
def test_damaged_predictions_are_not_used(runs, tmp_path, change) -> None:
    path = tmp_path / "scores.parquet"
    frame = pl.DataFrame({"user": ["a", "b"], "score": [0.25, 0.75]})
    frame.write_parquet(path)
    run = replace(runs[0], predictions=path.name, predictions_crc32=file_checksum(path))
    assert read_predictions(tmp_path, run).equals(frame)
    content = bytearray(path.read_bytes())
    if change == "flipped":
        content[len(content) // 2] ^= 1
    elif change == "missing":
        del content[5]
    else:  # recorded by an earlier version, without a checksum
        content, run = b"text", replace(run, predictions_crc32=None)
    path.write_bytes(content)
    with pytest.raises(RecordError, match=r"scores\.parquet: damaged.*Delete the file"):
        read_predictions(tmp_path, run)
