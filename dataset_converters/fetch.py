"""Fetching one file over HTTP: resumable, verified, complete or not there."""

from __future__ import annotations

import gzip
import hashlib
import http.client
import shutil
import time
import urllib.error
import urllib.request
import zlib
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from dataset_converters.errors import DownloadError

_CHUNK = 1 << 20
_TIMEOUT = 60  # seconds without a byte
ATTEMPTS = 4
PAUSE = 1.0  # seconds before the second attempt; doubles with each further one


@dataclass(frozen=True)
class RemoteFile:
    """A published file.

    Attributes:
        url: Where it is.
        size: Its size as published, for people.
        md5: Its MD5 as published; None where none is.
        rows: Its number of lines as published; checked where there is no MD5.
    """

    url: str
    size: str | None = None
    md5: str | None = None
    rows: int | None = None

    @property
    def name(self) -> str:
        """File name, the last part of the address."""
        return self.url.rpartition("/")[2].partition("?")[0]

    def describe(self) -> str:
        """One line for people: address, size, checksum."""
        size = f", {self.size}" if self.size else ""
        check = f"md5 {self.md5}" if self.md5 else "no md5 is published"
        return f"{self.url} ({check}{size})"


def verify(path: Path, remote: RemoteFile) -> str | None:
    """Check a file that is there.

    Returns:
        What is wrong with it, or None. Without a published MD5, the gzip checksum and the
        published number of lines are checked.
    """
    if remote.md5:
        digest = hashlib.md5(usedforsecurity=False)
        with path.open("rb") as file:
            while data := file.read(_CHUNK):
                digest.update(data)
        found = digest.hexdigest()
        return None if found == remote.md5 else f"its md5 is {found}, not {remote.md5}"
    if not remote.name.endswith(".gz"):  # the file may still be called .part
        return None
    lines, last = 0, b"\n"
    try:
        with gzip.open(path, "rb") as file:
            while data := file.read(_CHUNK):
                lines += data.count(b"\n")
                last = data[-1:]
    except (OSError, EOFError, zlib.error) as error:
        return f"it is no sound gzip file ({error})"
    lines += last != b"\n"
    if remote.rows is not None and lines != remote.rows:
        return f"it has {lines:,} rows, not the {remote.rows:,} published"
    return None


def fetch(remote: RemoteFile, folder: Path, *, quiet: bool = False) -> Path:
    """Download a file into ``folder``, going on where an earlier attempt stopped.

    Args:
        remote: What to fetch.
        folder: Made if needed. While it loads, the file is called ``<name>.part``.
        quiet: No progress bar.

    Returns:
        The verified file.

    Raises:
        DownloadError: It cannot be reached (what has been loaded stays for the next attempt), or
            it is not what was published (then nothing of it is kept).
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
                _continue(remote, part, tag, progress, task)
                break
            except (OSError, http.client.HTTPException) as error:
                refused = isinstance(error, urllib.error.HTTPError) and error.code < 500
                if refused or attempt == ATTEMPTS - 1:
                    raise DownloadError(
                        f"cannot download {remote.url}: {_reason(error)}"
                    ) from error
                time.sleep(PAUSE * 2**attempt)
    fault = verify(part, remote)
    tag.unlink(missing_ok=True)
    if fault is not None:
        part.unlink()
        raise DownloadError(f"{remote.url} was loaded and removed again: {fault}")
    path = folder / remote.name
    part.rename(path)
    return path


def _reason(error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        return f"the server answers {error.code} {error.reason}"
    return str(getattr(error, "reason", None) or error or type(error).__name__)


def _continue(remote: RemoteFile, part: Path, tag: Path, progress: Progress, task: object) -> None:
    """Load what is missing of ``part``."""
    have = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(remote.url)
    known = tag.read_text() if tag.exists() else ""
    if have:
        request.add_header("Range", f"bytes={have}-")
        if known:  # the server starts anew if the file has changed since
            request.add_header("If-Range", known)
    try:
        answer = urllib.request.urlopen(request, timeout=_TIMEOUT)
    except urllib.error.HTTPError as error:
        if error.code == 416:  # nothing comes after what we have
            size = (error.headers.get("Content-Range") or "").rpartition("/")[2]
            if size == str(have):
                return
            part.unlink()
            raise ConnectionError("the file on the server has become shorter") from error
        raise
    with answer:
        if answer.status != 206:
            have = 0
        length = answer.headers.get("Content-Length")
        total = have + int(length) if length else None
        tag.write_text(answer.headers.get("ETag") or "")
        _room(part.parent, total - have if total else 0)
        progress.update(task, completed=have, total=total)  # type: ignore[arg-type]
        with part.open("ab" if have else "wb") as file:
            while data := answer.read(_CHUNK):
                file.write(data)
                have += len(data)
                progress.update(task, completed=have)  # type: ignore[arg-type]
    if total is not None and have < total:
        raise ConnectionError(f"the connection broke after {have:,} of {total:,} bytes")


def _room(folder: Path, size: int) -> None:
    free = shutil.disk_usage(folder).free
    if size > free:
        raise DownloadError(
            f"{folder}: {size:,} bytes are to be loaded, but only {free:,} are free on that disk"
        )
