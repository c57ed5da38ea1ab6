"""Fixtures: a local web server and an archive on it."""

import hashlib
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from dataset_converters.download import RemoteFile, http_fetch
from tests.dataset_converters.download.web_server import Server


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    folder = tmp_path / "served"
    folder.mkdir()
    monkeypatch.setattr(http_fetch, "PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(http_fetch, "_CHUNK_BYTES", 1000)
    with Server(folder) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield running
        running.shutdown()


@pytest.fixture
def archive(server: Server, tiny_kuaisar: Path) -> RemoteFile:
    """A zip of tiny raw files, served with its checksum."""
    path = server.folder / "KuaiSAR.zip"
    with zipfile.ZipFile(path, "w") as file:
        for raw in sorted(tiny_kuaisar.iterdir()):
            file.write(raw, f"KuaiSAR_final/{raw.name}")
    md5 = hashlib.md5(path.read_bytes()).hexdigest()
    return RemoteFile(f"{server.url}/KuaiSAR.zip", "2 KB", md5)
