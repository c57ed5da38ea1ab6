"""Version of the code that trains a run: fingerprint of the source files, and git commit."""

from __future__ import annotations

import hashlib
import subprocess
from functools import cache
from pathlib import Path

from recbole_llm4msr.config import properties_folder

#: Folder of this package, installed or in a checkout.
PACKAGE = Path(__file__).parents[3]

#: Modules that no run imports, so that a change of theirs changes no result.
_NOT_IN_RUNS = ("evaluation/benchmark/", "cli/benchmark.py")


@cache
def code_fingerprint() -> str:
    """Return 16 hex digits of SHA-256 over the source files and default settings of this package.

    A checkout and an installed copy of the same code have the same fingerprint. The modules of the
    benchmark itself are left out: a run does not import them. It is computed once per process.
    """
    digest = hashlib.sha256()
    for folder, pattern in ((PACKAGE, "*.py"), (properties_folder(), "*.yaml")):
        files = {file.relative_to(folder).as_posix(): file for file in folder.rglob(pattern)}
        for name in sorted(files):
            if not name.startswith(_NOT_IN_RUNS):
                content = files[name].read_bytes()
                digest.update(f"{name} {len(content)} ".encode() + content)
    return digest.hexdigest()[:16]


@cache
def git_commit(package: Path = PACKAGE) -> str | None:
    """Return the commit of the checkout that this package lies in; ``+`` marks uncommitted changes.

    ``None`` without git, outside a repository, and in a repository that does not track the package
    (an environment below another project's checkout).

    Args:
        package: Folder of the package.
    """

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(package), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    try:
        git("ls-files", "--error-unmatch", "__init__.py")
        changed = git("status", "--porcelain", "--untracked-files=no")
        return git("rev-parse", "--short=12", "HEAD") + ("+" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return None
