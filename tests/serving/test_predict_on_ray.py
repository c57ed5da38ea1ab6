"""Scoring a folder of parquet files on a local Ray cluster of two workers."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import polars as pl
import pytest
import ray

import recbole_llm4msr
from recbole_llm4msr.serving import ArtefactError, InputError, Scorer
from recbole_llm4msr.serving.predict_on_ray import predict_on_ray


@pytest.fixture(scope="module")
def cluster():
    root = str(Path(recbole_llm4msr.__file__).parents[1])
    ray.init(
        num_cpus=2,
        include_dashboard=False,
        log_to_driver=False,
        runtime_env={"env_vars": {"PYTHONPATH": root, "OMP_NUM_THREADS": "1"}},
    )
    yield
    ray.shutdown()


@pytest.fixture
def folder(star, tmp_path) -> Path:
    """Rows in partitions."""
    rows = [(f"u{u}", f"i{i}", "feed") for u in range(1, 31) for i in range(1, 41)]
    frame = pl.DataFrame(rows, schema=["user_id", "item_id", "scenario"], orient="row")
    for n, part in enumerate(frame.iter_slices(200)):
        path = tmp_path / "rows" / f"day={n % 2}" / f"part-{n}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_parquet(path)
    return tmp_path / "rows"


class DiesOnce:
    """Loads a scorer in whose first use the whole worker process is killed."""

    def __init__(self, mark: Path) -> None:
        self.mark = str(mark)

    def __call__(self, artefact: str) -> Scorer:
        scorer = Scorer.load(artefact)
        score, mark = scorer.score, self.mark

        def killed(rows):
            try:
                os.close(os.open(mark, os.O_CREAT | os.O_EXCL))
            except FileExistsError:
                return score(rows)
            return os.kill(os.getpid(), signal.SIGKILL)

        scorer.score = killed
        return scorer


def test_a_killed_worker_loses_nothing(cluster, star, scorer, folder, tmp_path) -> None:
    told = []
    n_rows = predict_on_ray(
        star.folder,
        folder,
        tmp_path / "scores",
        load=DiesOnce(tmp_path / "killed"),
        report_progress=lambda *given: told.append(given),
    )
    assert (tmp_path / "killed").exists()
    assert n_rows == 1200 and told[-1] == (1200, 6, 6)
    names = {path.relative_to(folder) for path in folder.rglob("*.parquet")}
    written = {p.relative_to(tmp_path / "scores") for p in (tmp_path / "scores").rglob("*.*")}
    assert written == names
    for name in names:
        expected = scorer.predict(pl.read_parquet(folder / name, hive_partitioning=False))
        found = pl.read_parquet(tmp_path / "scores" / name, hive_partitioning=False)
        assert found.equals(expected)
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_a_faulty_row_ends_it_and_leaves_nothing(cluster, star, folder, tmp_path) -> None:
    bad = pl.DataFrame({"user_id": ["u1"], "item_id": ["none"], "scenario": ["feed"]})
    bad.write_parquet(folder / "day=1" / "part-9.parquet")
    with pytest.raises(InputError, match=r"part-9.parquet: row 1, column item_id: 'none' is not"):
        predict_on_ray(star.folder, folder, tmp_path / "scores")
    assert {path.name for path in tmp_path.iterdir()} == {"rows"}


def test_what_cannot_be_used_is_named_before_anything_starts(altered, folder, tmp_path) -> None:
    with pytest.raises(InputError, match="is not a folder with .parquet files"):
        predict_on_ray(altered, tmp_path / "none", tmp_path / "scores")
    with pytest.raises(InputError, match="exists already; give another folder"):
        predict_on_ray(altered, folder, folder)
    (altered / "weights.safetensors").unlink()
    with pytest.raises(ArtefactError, match="weights.safetensors is missing"):
        predict_on_ray(altered, folder, tmp_path / "scores")
