"""Download over HTTP: resume, retry, verify."""

from pathlib import Path

import pytest

from dataset_converters.download import RemoteFile, http_fetch, verify
from dataset_converters.download.http_fetch import fetch
from dataset_converters.errors import DownloadError
from tests.dataset_converters.download.web_server import Server


def test_a_broken_download_is_resumed(server: Server, archive: RemoteFile, tmp_path: Path) -> None:
    server.cut = [500, 300]
    path = fetch(archive, tmp_path / "raw", quiet=True)
    assert verify(path, archive) is None
    assert server.seen == [None, "bytes=500-", "bytes=800-"]
    assert [file.name for file in path.parent.iterdir()] == ["KuaiSAR.zip"]


def test_a_download_is_resumed_in_another_run(
    server: Server, archive: RemoteFile, tmp_path: Path
) -> None:
    server.cut = [200] * http_fetch.ATTEMPTS
    with pytest.raises(DownloadError, match=r"broke after 800 of [\d,]+ bytes"):
        fetch(archive, tmp_path, quiet=True)
    assert (tmp_path / "KuaiSAR.zip.part").stat().st_size == 800
    fetch(archive, tmp_path, quiet=True)
    assert server.seen[-1] == "bytes=800-"


def test_resuming_a_changed_or_complete_part(
    server: Server, archive: RemoteFile, tmp_path: Path
) -> None:
    data = (server.folder / "KuaiSAR.zip").read_bytes()
    (tmp_path / "KuaiSAR.zip.part").write_bytes(b"x" * 100)
    (tmp_path / "KuaiSAR.zip.part.etag").write_text('"of another file"')
    assert fetch(archive, tmp_path, quiet=True).read_bytes() == data
    (tmp_path / "KuaiSAR.zip").rename(tmp_path / "KuaiSAR.zip.part")
    assert fetch(archive, tmp_path, quiet=True).read_bytes() == data
    (tmp_path / "KuaiSAR.zip").unlink()
    (tmp_path / "KuaiSAR.zip.part").write_bytes(data[:90])
    server.ranges = False
    assert fetch(archive, tmp_path, quiet=True).read_bytes() == data


def test_server_errors(server: Server, archive: RemoteFile, tmp_path: Path) -> None:
    server.fail = [503, 503]
    fetch(archive, tmp_path, quiet=True)
    assert len(server.seen) == 3
    missing = RemoteFile(f"{server.url}/other.zip")
    with pytest.raises(DownloadError, match="404"):
        fetch(missing, tmp_path, quiet=True)
    assert len(server.seen) == 4  # asking again would not help
