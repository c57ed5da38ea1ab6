"""A missing data set is downloaded, verified and converted, or the message gives manual steps."""

import hashlib
import shutil
import zipfile
from pathlib import Path

import pytest

from dataset_converters.download import RemoteFile, prepare_dataset
from dataset_converters.download.http_fetch import fetch
from dataset_converters.errors import DownloadError
from tests.dataset_converters.amazon_samples import old, write_lines
from tests.dataset_converters.download.web_server import Server, source_of


def test_download_verify_convert(server: Server, archive: RemoteFile, tmp_path: Path) -> None:
    target = tmp_path / "dataset" / "kuaisar-small"
    prepare_dataset("kuaisar-small", source_of(archive, release="small"), target, quiet=True)
    assert sorted(path.name for path in target.iterdir()) == [
        f"kuaisar-small.{suffix}" for suffix in ("inter", "item", "scenario", "user", "yaml")
    ]
    assert len(server.seen) == 1
    prepare_dataset("kuaisar-small", source_of(archive), target, quiet=True)  # there already
    shutil.rmtree(target)
    server.shutdown()  # the archive has stayed, no network is needed
    prepare_dataset("kuaisar-small", source_of(archive), target, quiet=True)
    assert (target / "kuaisar-small.inter").is_file()
    assert len(server.seen) == 1


def test_a_file_with_a_wrong_checksum_is_deleted(
    server: Server, archive: RemoteFile, tmp_path: Path
) -> None:
    path = server.folder / "KuaiSAR.zip"
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    target = tmp_path / "dataset" / "k"
    with pytest.raises(DownloadError, match="deleted again: its md5 is") as caught:
        prepare_dataset("k", source_of(archive), target, quiet=True)
    left = [path.name for path in (tmp_path / "dataset").rglob("*") if path.is_file()]
    assert set(left) <= {".lock"}
    assert not target.exists()
    assert archive.md5 in str(caught.value)


def test_without_network_the_message_has_the_manual_steps(
    archive: RemoteFile, tmp_path: Path
) -> None:
    gone = RemoteFile("http://127.0.0.1:9/KuaiSAR.zip", "488.1 MB", archive.md5)
    target = tmp_path / "dataset" / "kuaisar-small"
    with pytest.raises(DownloadError) as caught:
        prepare_dataset("kuaisar-small", source_of(gone, release="small"), target, quiet=True)
    message = str(caught.value)
    folder = tmp_path / "dataset" / "raw" / "kuaisar-small"
    for part in (gone.url, "488.1 MB", gone.md5, str(folder), "Connection refused"):
        assert part in message
    assert (
        f"python -m dataset_converters kuaisar --input {folder / 'KuaiSAR.zip'} "
        f"--output {target} --release small" in message
    )
    assert isinstance(caught.value, OSError)


def test_an_archive_downloaded_by_hand_is_used(
    server: Server, archive: RemoteFile, tmp_path: Path
) -> None:
    target = tmp_path / "dataset" / "k"
    folder = tmp_path / "dataset" / "raw" / "k"
    folder.mkdir(parents=True)
    shutil.copy(server.folder / "KuaiSAR.zip", folder)
    gone = RemoteFile("http://127.0.0.1:9/KuaiSAR.zip", md5=archive.md5)
    prepare_dataset("k", source_of(gone), target, quiet=True)
    assert (target / "k.inter").is_file()
    shutil.rmtree(target)
    (folder / "KuaiSAR.zip").write_bytes(b"something else")
    with pytest.raises(DownloadError, match=r"KuaiSAR.zip cannot be used: its md5 is"):
        prepare_dataset("k", source_of(gone), target, quiet=True)
    assert (folder / "KuaiSAR.zip").read_bytes() == b"something else"  # it is the user's file


def test_files_without_md5(server: Server, tmp_path: Path) -> None:
    path = write_lines(server.folder / "Beauty_5.json.gz", [old("U1", "B1"), old("U2", "B1")])
    right = RemoteFile(f"{server.url}/{path.name}", rows=2)
    source = source_of(right, converter="amazon", categories=["Beauty"], release="2018")
    prepare_dataset("a", source, tmp_path / "dataset" / "a", quiet=True)
    assert (tmp_path / "dataset" / "a" / "a.inter").read_text().count("\n") == 3
    wrong = RemoteFile(right.url, rows=3)
    with pytest.raises(DownloadError, match="it has 2 rows, not the 3 published"):
        fetch(wrong, tmp_path / "b", quiet=True)
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(DownloadError, match="not a valid gzip"):
        fetch(right, tmp_path / "b", quiet=True)
    assert list((tmp_path / "b").iterdir()) == []


def test_an_archive_that_cannot_be_converted(
    server: Server, archive: RemoteFile, tmp_path: Path
) -> None:
    path = server.folder / "KuaiSAR.zip"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("readme.txt", "nothing")
    bad = RemoteFile(archive.url, md5=hashlib.md5(path.read_bytes()).hexdigest())
    with pytest.raises(DownloadError, match=r"could not be converted: .*missing file src_inter"):
        prepare_dataset("k", source_of(bad), tmp_path / "dataset" / "k", quiet=True)
    assert not (tmp_path / "dataset" / "k").exists()
