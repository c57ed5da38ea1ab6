"""Names of checkpoints, claimed by a small file before there is a checkpoint to write."""

from __future__ import annotations

from contextlib import suppress
from itertools import chain, count
from pathlib import Path

from recbole_llm4msr.util.staging import has_ended, this_process

#: Content of a claimed file, before the name of the process; no checkpoint begins so.
_CLAIM = "a checkpoint of the running process "

_LONGEST = 200  # bytes of a claim


def claim_unused(path: Path) -> Path:
    """Claim this name, or the first with a number behind it that is unused; return it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    for name in chain([path], (path.with_stem(f"{path.stem}-{i}") for i in count(2))):
        try:
            with name.open("x", encoding="ascii") as file:
                file.write(_CLAIM + this_process())
        except FileExistsError:
            continue
        return name
    raise AssertionError("the names have no end")


def release(path: Path) -> None:
    """Remove a claimed file, unless a checkpoint has replaced it."""
    if _claimed_by(path) == this_process():
        path.unlink(missing_ok=True)


def remove_abandoned_claims(folder: Path, suffix: str) -> list[Path]:
    """Remove the files in a folder that processes claimed which have ended; return them."""
    removed = []
    for path in folder.glob(f"*{suffix}"):
        process = _claimed_by(path)
        if process is not None and has_ended(process):
            with suppress(OSError):
                path.unlink()
                removed.append(path)
    return removed


def _claimed_by(path: Path) -> str | None:
    """The process that has claimed a file; ``None`` where it holds something else."""
    with suppress(OSError, UnicodeDecodeError):
        if path.stat().st_size <= _LONGEST:
            text = path.read_text(encoding="ascii")
            return text.removeprefix(_CLAIM) if text.startswith(_CLAIM) else None
    return None
