"""A checkpoint that is damaged, odd or cannot be written: one sentence, and no other weights."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import recbole_llm4msr
from recbole_llm4msr import CheckpointError, run
from recbole_llm4msr.compat import load_checkpoint
from recbole_llm4msr.compat.checkpoint_file import save_checkpoint
from tests.toy import toy_settings, write_toy


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    write_toy(folder)
    run("STAR", "toy", config_dict=toy_settings(folder, epochs=1), command_line=[])
    return next((folder / "saved").glob("*.pth"))


def content_of(path: Path) -> dict[str, torch.Tensor]:
    loaded = load_checkpoint(path)
    state = loaded["config"].trained_data
    tokens = {
        f"{field}.{i}": t for field, pair in state["tokens"].items() for i, t in enumerate(pair)
    }
    return {**loaded["state_dict"], **tokens}


def test_a_flipped_byte_is_found_or_changes_nothing(trained, tmp_path) -> None:
    before, whole = content_of(trained), trained.read_bytes()
    draw, path, found = random.Random(3), tmp_path / "flipped.pth", 0
    for _ in range(150):
        at = draw.randrange(len(whole))
        damaged = bytearray(whole)
        damaged[at] ^= 1 << draw.randrange(8)
        path.write_bytes(damaged)
        try:
            after = content_of(path)
        except CheckpointError as error:
            assert "flipped.pth" in str(error)
            found += 1
            continue
        assert before.keys() == after.keys()
        assert all(torch.equal(before[name], after[name]) for name in before)
    assert found > 50


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_a_truncated_checkpoint_is_refused(trained, tmp_path, share) -> None:
    path = tmp_path / "cut.pth"
    path.write_bytes(trained.read_bytes()[: int(share * trained.stat().st_size)])
    with pytest.raises(CheckpointError, match=r"cut\.pth"):
        load_checkpoint(path)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"config": "STAR"}, "its config is a str"),
        ({"config": {"model": "STAR"}}, "its config is a dict"),
        ({"config": None}, "its config is a NoneType"),
        ({"state_dict": [torch.zeros(2)]}, "its state_dict is a list"),
        ({"state_dict": torch.zeros(2)}, "its state_dict is a Tensor"),
        ({"state_dict": {1: torch.zeros(2)}}, "its state_dict is a dict"),
        ({"optimizer": "adam"}, "its optimizer is a str"),
    ],
)
def test_content_of_another_shape_is_named(trained, tmp_path, changed, said) -> None:
    path = tmp_path / "odd.pth"
    torch.save({**load_checkpoint(trained), **changed}, path)
    with pytest.raises(CheckpointError, match=rf"odd\.pth: not a RecBole checkpoint, {said}"):
        load_checkpoint(path)


@pytest.mark.parametrize("whole", [[1, 2], "text", torch.zeros(3), None])
def test_a_file_with_something_else_is_named(tmp_path, whole) -> None:
    path = tmp_path / "odd.pth"
    torch.save(whole, path)
    with pytest.raises(CheckpointError, match=r"odd\.pth: not a RecBole checkpoint, it lacks"):
        load_checkpoint(path)


def test_recboles_trainer_reads_no_damaged_weights(trained, tmp_path) -> None:
    import recbole.trainer.trainer as of_recbole

    path = tmp_path / "cut.pth"
    path.write_bytes(trained.read_bytes()[:-100])
    with pytest.raises(CheckpointError, match=r"cut\.pth"):
        of_recbole.torch.load(path, map_location="cpu")


FULL = """
import resource, sys, torch
from recbole_llm4msr.compat.checkpoint_file import save_checkpoint
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))  # a write beyond 1 MB fails
try:
    save_checkpoint({"state_dict": {"weight": torch.zeros(1_000_000)}}, sys.argv[1])
except OSError as error:
    print(error)
"""


@pytest.mark.skipif(os.name == "nt", reason="no resource limits")
def test_a_write_that_fails_is_one_sentence_with_the_space(tmp_path) -> None:
    root = str(Path(recbole_llm4msr.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FULL, str(tmp_path / "x.pth")],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": root},
    )
    assert f"could not be written to {tmp_path} (File too large)" in done.stdout
    assert "It needs about 4.0 MB, and " in done.stdout


def test_a_folder_that_is_not_there_is_named(tmp_path) -> None:
    with pytest.raises(OSError, match="could not be written to .*none"):
        save_checkpoint({"state_dict": {}}, tmp_path / "none" / "x.pth")
