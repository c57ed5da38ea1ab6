"""Download one file over HTTP: resumed, retried, verified; complete or not there."""

from __future__ import annotations

import http.client
import shutil
import time
import urllib.error
import urllib.request
from pathlib import Path

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from dataset_converters.download.remote_file import RemoteFile, verify
from dataset_converters.errors import DownloadError

_CHUNK_BYTES = 1 << 20
_TIMEOUT_SECONDS = 60  # without a byte
ATTEMPTS = 4
PAUSE_SECONDS = 1.0  # before the second attempt; doubles with each further one


def fetch(remote: RemoteFile, folder: Path, *, quiet: bool = False) -> Path:
    """Download a file into ``folder``, resuming an earlier attempt.

    Args:
        remote: The file to download.
        folder: Created if needed. An incomplete file is called ``<name>.part``.
        quiet: Show no progress bar.

    Returns:
        The verified file.

    Raises:
        DownloadError: The server fails (the incomplete file is kept for the next attempt), the
            disk is too small, or the file is not the published one (then it is deleted).
    """
    folder.mkdir(parents=True, exist_ok=True)
    part, tag = folder / f"{remote.name}.part", folder / f"{remote.name}.part.etag"
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TextColumn("ETA"),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=quiet) as progress:
        task = progress.add_task(remote.name, total=None)
        for attempt in range(ATTEMPTS):
            try:
                _resume(remote, part, tag, progress, task)
                break
            except (OSError, http.client.HTTPException) as error:
                refused = isinstance(error, urllib.error.HTTPError) and error.code < 500
                if refused or attempt == ATTEMPTS - 1:
                    raise DownloadError(
                        f"cannot download {remote.url}: {_describe(error)}"
                    ) from error
                time.sleep(PAUSE_SECONDS * 2**attempt)
    fault = verify(part, remote)
    tag.unlink(missing_ok=True)
    if fault is not None:
        part.unlink()
        raise DownloadError(f"{remote.url} was downloaded and deleted again: {fault}")
    path = folder / remote.name
    part.rename(path)
    return path


def _describe(error: Exception) -> str:
    """Return the reason of a failed request, without the name of the exception."""
    if isinstance(error, urllib.error.HTTPError):
        return f"the server answers {error.code} {error.reason}"
    return str(getattr(error, "reason", None) or error or type(error).__name__)


def _resume(remote: RemoteFile, part: Path, tag: Path, progress: Progress, task: TaskID) -> None:
    """Download the rest of ``part``; ``tag`` holds the ETag that its first bytes had.

    Raises:
        OSError: The connection or the server failed; another attempt may succeed.
        DownloadError: The disk is too small.
    """
    received = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(remote.url)
    etag = tag.read_text() if tag.exists() else ""
    if received:
        request.add_header("Range", f"bytes={received}-")
        if etag:  # a server whose file has changed sends it from the start
            request.add_header("If-Range", etag)
    try:
        response = urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS)
    except urllib.error.HTTPError as error:
        if error.code == 416:  # nothing follows the bytes received
            size = (error.headers.get("Content-Range") or "").rpartition("/")[2]
            if size == str(received):
                return
            part.unlink()
            raise ConnectionError("the file on the server has become shorter") from error
        raise
    with response:
        if response.status != 206:
            received = 0
        length = response.headers.get("Content-Length")
        total = received + int(length) if length else None
        tag.write_text(response.headers.get("ETag") or "")
        _check_disk_space(part.parent, total - received if total else 0)
        progress.update(task, completed=received, total=total)
        with part.open("ab" if received else "wb") as file:
            while data := response.read(_CHUNK_BYTES):
                file.write(data)
                received += len(data)
                progress.update(task, completed=received)
    if total is not None and received < total:
        raise ConnectionError(f"the connection broke after {received:,} of {total:,} bytes")


def _check_disk_space(folder: Path, size: int) -> None:
    """Raise DownloadError if ``size`` bytes do not fit on the disk."""
    free = shutil.disk_usage(folder).free
    if size > free:
        raise DownloadError(
            f"{folder}: the download needs {size:,} bytes, but the disk has only {free:,} free"
        )
