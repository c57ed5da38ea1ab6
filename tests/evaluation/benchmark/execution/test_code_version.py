"""Fingerprint of the source files, and the commit of the checkout they lie in."""

from __future__ import annotations

import shutil
import subprocess

from recbole_llm4msr.evaluation.benchmark.execution import code_version
from recbole_llm4msr.evaluation.benchmark.execution.code_version import git_commit


def git(folder, *arguments: str) -> str:
    identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
    command = ["git", "-C", str(folder), *identity, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_fingerprint_changes_with_the_code_that_runs_import_only(monkeypatch, tmp_path) -> None:
    package = tmp_path / "package"
    shutil.copytree(code_version.PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__"))
    before = code_version.code_fingerprint()
    monkeypatch.setattr(code_version, "PACKAGE", package)

    def fingerprint() -> str:
        return code_version.code_fingerprint.__wrapped__()

    assert fingerprint() == before  # the same code in another place
    for file in ("evaluation/benchmark/report/plots.py", "cli/benchmark.py"):
        (package / file).write_text("changed = True\n")
    assert fingerprint() == before
    (package / "training" / "__init__.py").write_text("changed = True\n")
    assert fingerprint() != before


def test_commit_is_that_of_a_repository_that_tracks_the_package(tmp_path) -> None:
    package = tmp_path / "environment" / "package"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    assert git_commit.__wrapped__(package) is None  # outside a repository
    git(tmp_path, "init", "--quiet")
    (tmp_path / "project.py").write_text("")
    git(tmp_path, "add", "project.py")
    git(tmp_path, "commit", "--quiet", "--message=project")
    assert git_commit.__wrapped__(package) is None  # another project's repository
    git(tmp_path, "add", "environment")
    git(tmp_path, "commit", "--quiet", "--message=package")
    head = git(tmp_path, "rev-parse", "--short=12", "HEAD")
    assert git_commit.__wrapped__(package) == head
    (package / "__init__.py").write_text("changed = True\n")
    assert git_commit.__wrapped__(package) == f"{head}+"
