"""Downloading: from a small web server that resumes, refuses, cuts and lies as asked."""

import functools
import hashlib
import http.server
import json
import shutil
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from amazon_samples import old, write_lines

from dataset_converters import fetch as fetching
from dataset_converters.download import Recipe, prepare, read_source
from dataset_converters.errors import ConverterError, DownloadError
from dataset_converters.fetch import RemoteFile, fetch, verify

PROPERTIES = Path(__file__).parents[2] / "properties" / "dataset"


class Server(http.server.ThreadingHTTPServer):
    """Serves a folder; ``cut`` ends an answer after so many bytes, ``seen`` keeps the ranges."""

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), functools.partial(Handler, self))
        self.folder = folder
        self.cut: list[int] = []
        self.fail: list[int] = []
        self.ranges = True
        self.seen: list[str | None] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(http.server.BaseHTTPRequestHandler):
    def __init__(self, state: Server, *args: object) -> None:
        self.state = state
        super().__init__(*args)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        self.state.seen.append(self.headers.get("Range"))
        path = self.state.folder / self.path.lstrip("/")
        if self.state.fail:
            return self.send_error(self.state.fail.pop(0))
        if not path.is_file():
            return self.send_error(404)
        data = path.read_bytes()
        tag, start = f'"{hashlib.md5(data).hexdigest()}"', 0
        if self.state.ranges and (asked := self.headers.get("Range")):
            if self.headers.get("If-Range", tag) == tag:
                start = int(asked.removeprefix("bytes=").removesuffix("-"))
            if start >= len(data):
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(data)}")
                self.send_header("Content-Length", "0")
                return self.end_headers()
        self.send_response(206 if start else 200)
        self.send_header("ETag", tag)
        self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        end = start + self.state.cut.pop(0) if self.state.cut else len(data)
        self.wfile.write(data[start:end])
        return None

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    folder = tmp_path / "served"
    folder.mkdir()
    monkeypatch.setattr(fetching, "PAUSE", 0.01)
    monkeypatch.setattr(fetching, "_CHUNK", 1000)
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


def _source(*files: RemoteFile, converter: str = "kuaisar", **options: object) -> dict:
    listed = [{k: v for k, v in vars(file).items() if v is not None} for file in files]
    return {"converter": converter, "files": listed, "options": options}


def test_download_verify_convert(server: Server, archive: RemoteFile, tmp_path: Path) -> None:
    target = tmp_path / "dataset" / "kuaisar-small"
    prepare("kuaisar-small", _source(archive, release="small"), target, quiet=True)
    assert sorted(path.name for path in target.iterdir()) == [
        f"kuaisar-small.{suffix}" for suffix in ("inter", "item", "scenario", "user", "yaml")
    ]
    assert len(server.seen) == 1
    prepare("kuaisar-small", _source(archive), target, quiet=True)  # there already
    shutil.rmtree(target)
    server.shutdown()  # the archive has stayed, no network is needed
    prepare("kuaisar-small", _source(archive), target, quiet=True)
    assert (target / "kuaisar-small.inter").is_file()
    assert len(server.seen) == 1


def test_it_goes_on_where_it_stopped(server: Server, archive: RemoteFile, tmp_path: Path) -> None:
    server.cut = [500, 300]
    path = fetch(archive, tmp_path / "raw", quiet=True)
    assert verify(path, archive) is None
    assert server.seen == [None, "bytes=500-", "bytes=800-"]
    assert [file.name for file in path.parent.iterdir()] == ["KuaiSAR.zip"]


def test_it_goes_on_in_another_run(server: Server, archive: RemoteFile, tmp_path: Path) -> None:
    server.cut = [200] * fetching.ATTEMPTS
    with pytest.raises(DownloadError, match=r"broke after 800 of [\d,]+ bytes"):
        fetch(archive, tmp_path, quiet=True)
    assert (tmp_path / "KuaiSAR.zip.part").stat().st_size == 800
    fetch(archive, tmp_path, quiet=True)
    assert server.seen[-1] == "bytes=800-"


def test_a_changed_or_finished_part(server: Server, archive: RemoteFile, tmp_path: Path) -> None:
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


def test_a_wrong_checksum_keeps_nothing(
    server: Server, archive: RemoteFile, tmp_path: Path
) -> None:
    path = server.folder / "KuaiSAR.zip"
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    target = tmp_path / "dataset" / "k"
    with pytest.raises(DownloadError, match="removed again: its md5 is") as caught:
        prepare("k", _source(archive), target, quiet=True)
    left = [path.name for path in (tmp_path / "dataset").rglob("*") if path.is_file()]
    assert left == [".lock"]
    assert not target.exists()
    assert archive.md5 in str(caught.value)


def test_no_network_names_all_that_is_needed(archive: RemoteFile, tmp_path: Path) -> None:
    gone = RemoteFile("http://127.0.0.1:9/KuaiSAR.zip", "488.1 MB", archive.md5)
    target = tmp_path / "dataset" / "kuaisar-small"
    with pytest.raises(DownloadError) as caught:
        prepare("kuaisar-small", _source(gone, release="small"), target, quiet=True)
    message = str(caught.value)
    folder = tmp_path / "dataset" / "raw" / "kuaisar-small"
    for part in (gone.url, "488.1 MB", gone.md5, str(folder), "Connection refused"):
        assert part in message
    assert (
        f"python -m dataset_converters kuaisar --input {folder / 'KuaiSAR.zip'} "
        f"--output {target} --release small" in message
    )
    assert isinstance(caught.value, OSError)


def test_an_archive_put_there_by_hand(server: Server, archive: RemoteFile, tmp_path: Path) -> None:
    target = tmp_path / "dataset" / "k"
    folder = tmp_path / "dataset" / "raw" / "k"
    folder.mkdir(parents=True)
    shutil.copy(server.folder / "KuaiSAR.zip", folder)
    gone = RemoteFile("http://127.0.0.1:9/KuaiSAR.zip", md5=archive.md5)
    prepare("k", _source(gone), target, quiet=True)
    assert (target / "k.inter").is_file()
    shutil.rmtree(target)
    (folder / "KuaiSAR.zip").write_bytes(b"something else")
    with pytest.raises(DownloadError, match=r"KuaiSAR.zip cannot be used: its md5 is"):
        prepare("k", _source(gone), target, quiet=True)
    assert (folder / "KuaiSAR.zip").read_bytes() == b"something else"  # it is the user's file


def test_server_errors(server: Server, archive: RemoteFile, tmp_path: Path) -> None:
    server.fail = [503, 503]
    fetch(archive, tmp_path, quiet=True)
    assert len(server.seen) == 3
    missing = RemoteFile(f"{server.url}/other.zip")
    with pytest.raises(DownloadError, match="404"):
        fetch(missing, tmp_path, quiet=True)
    assert len(server.seen) == 4  # asking again would not help


def test_files_without_md5(server: Server, tmp_path: Path) -> None:
    path = write_lines(server.folder / "Beauty_5.json.gz", [old("U1", "B1"), old("U2", "B1")])
    right = RemoteFile(f"{server.url}/{path.name}", rows=2)
    source = _source(right, converter="amazon", categories=["Beauty"], release="2018")
    prepare("a", source, tmp_path / "dataset" / "a", quiet=True)
    assert (tmp_path / "dataset" / "a" / "a.inter").read_text().count("\n") == 3
    wrong = RemoteFile(right.url, rows=3)
    with pytest.raises(DownloadError, match="it has 2 rows, not the 3 published"):
        fetch(wrong, tmp_path / "b", quiet=True)
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(DownloadError, match="no sound gzip"):
        fetch(right, tmp_path / "b", quiet=True)
    assert list((tmp_path / "b").iterdir()) == []


def test_input_that_does_not_convert(server: Server, archive: RemoteFile, tmp_path: Path) -> None:
    path = server.folder / "KuaiSAR.zip"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("readme.txt", "nothing")
    bad = RemoteFile(archive.url, md5=hashlib.md5(path.read_bytes()).hexdigest())
    with pytest.raises(DownloadError, match=r"could not be converted: .*missing file src_inter"):
        prepare("k", _source(bad), tmp_path / "dataset" / "k", quiet=True)
    assert not (tmp_path / "dataset" / "k").exists()


def test_asking_first(archive: RemoteFile, server: Server, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match="declined"):
        prepare("k", _source(archive), tmp_path / "dataset" / "k", yes=False, quiet=True)
    assert server.seen == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"convertor": "kuaisar"}, "unknown key 'convertor'.*did you mean 'converter'"),
        ({"converter": "ml"}, "converter: ml; one of kuaisar, amazon"),
        ({"files": []}, "a list of mappings"),
        ({"files": [{"link": "x"}]}, "each has url"),
        ({"options": {"kcore": 5}}, "unknown 'kcore'.*did you mean 'k_core'"),
    ],
)
def test_malformed_sources(change: dict, message: str, tmp_path: Path) -> None:
    source = {**_source(RemoteFile("http://127.0.0.1:9/f.zip")), **change}
    with pytest.raises(ConverterError, match=message):
        prepare("k", source, tmp_path / "k", quiet=True)


DOWNLOADED = [path for path in sorted(PROPERTIES.glob("*.yaml")) if "download:" in path.read_text()]


@pytest.mark.parametrize("path", DOWNLOADED, ids=lambda path: path.stem)
def test_shipped_properties(path: Path, tmp_path: Path) -> None:
    settings = yaml.safe_load(path.read_text(encoding="utf-8"))
    recipe = Recipe.read(path.stem, read_source(path))
    names = [file.name for file in recipe.files]
    assert len(set(names)) == len(names)
    if recipe.converter == "kuaisar":
        from dataset_converters.kuaisar import settings as written
    else:
        from dataset_converters.amazon import settings as written

        for category in recipe.options.categories:  # type: ignore[union-attr]
            assert sum(category in name for name in names) == 2
    # Which language model reads the prompts is said for these data sets, not for any conversion.
    for key in ("download", "knowledge", "llm"):
        del settings[key]
    # Beside the atomic files the converter writes the same settings.
    assert json.dumps(settings) == json.dumps(written())
