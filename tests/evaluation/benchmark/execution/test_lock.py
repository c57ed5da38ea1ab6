"""Lock of a benchmark's folder."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from recbole_llm4msr.evaluation.benchmark.execution import (
    lock_folder,
)
from recbole_llm4msr.evaluation.benchmark.execution.code_version import PACKAGE
from recbole_llm4msr.evaluation.benchmark.plan import (
    StudyError,
)


def test_a_second_benchmark_in_a_folder_is_refused_and_sigterm_releases_the_lock(tmp_path) -> None:
    with lock_folder(tmp_path / "r"):
        with (
            pytest.raises(StudyError, match="another benchmark is running in this folder"),
            lock_folder(tmp_path / "r"),
        ):
            pass
        with pytest.raises(SystemExit):
            os.kill(os.getpid(), signal.SIGTERM)
    with lock_folder(tmp_path / "r"):
        pass


def test_a_killed_benchmark_leaves_no_lock(tmp_path) -> None:
    code = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from recbole_llm4msr.evaluation.benchmark.execution import lock_folder\n"
        "with lock_folder(Path(sys.argv[1])):\n"
        "    print('locked', flush=True)\n"
        "    time.sleep(600)\n"
    )
    path = os.pathsep.join(filter(None, [str(PACKAGE.parent), os.environ.get("PYTHONPATH")]))
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", code, str(tmp_path)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": path},
    )
    with process:
        assert process.stdout.readline() == b"locked\n"
        with pytest.raises(StudyError, match="another benchmark"), lock_folder(tmp_path):
            pass
        process.kill()
    with lock_folder(tmp_path):
        pass


def test_what_a_killed_benchmark_left_is_removed(tmp_path) -> None:
    left = tmp_path / "r" / "scratch" / "STAR-2020-0123-77"
    left.mkdir(parents=True)
    (left / "model.pth").write_text("")
    with lock_folder(tmp_path / "r"):
        assert not left.parent.exists()


def test_an_output_that_is_a_file_is_told(tmp_path) -> None:
    (tmp_path / "r").write_text("")
    with (
        pytest.raises(StudyError, match="--output: .*r is not a folder to write to"),
        lock_folder(tmp_path / "r"),
    ):
        pass
