"""Score partitioned parquet by Ray Data: a file a task, on any number of workers and machines."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from recbole_llm4msr.serving.artefact import Artefact
from recbole_llm4msr.serving.errors import InputError, MissingPackageError
from recbole_llm4msr.serving.predict_file import predict_file
from recbole_llm4msr.serving.rows import OnUnknown
from recbole_llm4msr.serving.scorer import Scorer
from recbole_llm4msr.util.staging import remove_abandoned, staging_path

#: Called after every file with the rows and the files that are done, and the number of files.
ReportProgress = Callable[[int, int, int], None]


class ScoreFile:
    """Scores files of a folder; a worker of Ray makes one and keeps it.

    Args:
        artefact: The exported model.
        source: Folder of the rows.
        target: Folder of the scores.
        on_unknown: As in :func:`~.predict_file.predict_file`.
        load: Makes a scorer of the artefact's path.
    """

    def __init__(
        self,
        artefact: str,
        source: str,
        target: str,
        on_unknown: OnUnknown,
        load: Callable[[str], Scorer],
    ) -> None:
        self._scorer = load(artefact)
        self._source, self._target, self._on_unknown = Path(source), Path(target), on_unknown

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        """Score the file that a row names; a file that is scored again replaces itself."""
        target = self._target / row["file"]
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            n_rows = predict_file(
                self._scorer, self._source / row["file"], target, on_unknown=self._on_unknown
            )
        except InputError as error:  # a row's fault: another try would find it again
            return {"rows": 0, "error": str(error)}
        return {"rows": n_rows, "error": ""}


def predict_on_ray(
    artefact: str | Path,
    source: str | Path,
    target: str | Path,
    *,
    on_unknown: OnUnknown = "error",
    workers: int | None = None,
    load: Callable[[str], Scorer] = Scorer.load,
    report_progress: ReportProgress | None = None,
) -> int:
    """Write every parquet file of a folder with a column ``score``, under the same name.

    The folder of scores appears when all files are complete. A file whose worker or machine is lost
    is scored again. With several machines the three folders are on a file system that all see. The
    cluster is the one that is running (``RAY_ADDRESS``), or is started here.

    Args:
        artefact: The exported model.
        source: Folder with ``.parquet`` files, at any depth.
        target: The folder to make.
        on_unknown: ``error``, or ``score`` to score unknown users and items as such.
        workers: Number of workers, of one core each; ``None`` for all cores of the cluster.
        load: Makes a scorer of the artefact's path, in each worker.
        report_progress: Called after every file.

    Returns:
        Number of rows.

    Raises:
        InputError: There is no file, a row cannot be scored, or the target exists.
        ArtefactError: The artefact cannot be used.
        MissingPackageError: Ray is not installed.
    """
    artefact, source, target = (Path(path).resolve() for path in (artefact, source, target))
    files = sorted(path.relative_to(source).as_posix() for path in source.rglob("*.parquet"))
    if not source.is_dir() or not files:
        raise InputError(f"input: {source} is not a folder with .parquet files")
    if target.exists():
        raise InputError(f"output: {target} exists already; give another folder")
    Artefact.open(artefact)  # a fault is named here, not by every worker
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise MissingPackageError(
            "ray is not installed; run: pip install 'recbole_llm4msr[ray]'"
        ) from error
    if not ray.is_initialized():
        ray.init(log_to_driver=False, include_dashboard=False)
    workers = min(workers or int(ray.cluster_resources().get("CPU", 1)), len(files))
    remove_abandoned(target.parent)
    staging = staging_path(target)
    staging.mkdir(parents=True)
    rows = done = 0
    try:
        arguments = [str(artefact), str(source), str(staging), on_unknown, load]
        for result in _results(files, workers, arguments):
            if result["error"]:
                raise InputError(result["error"])
            rows, done = rows + result["rows"], done + 1
            if report_progress is not None:
                report_progress(rows, done, len(files))
        staging.rename(target)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return rows


def _results(files: list[str], workers: int, arguments: list[Any]) -> Iterator[dict[str, Any]]:
    """Score the files by workers that are made of these arguments; yield the result of each."""
    import ray.data

    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    dataset = ray.data.from_items(
        [{"file": name} for name in files], override_num_blocks=len(files)
    ).map(
        ScoreFile,
        fn_constructor_args=arguments,
        compute=ray.data.ActorPoolStrategy(size=workers, max_tasks_in_flight_per_actor=1),
        num_cpus=1,
        max_restarts=-1,
        max_task_retries=-1,
    )
    yield from dataset.iter_rows()
