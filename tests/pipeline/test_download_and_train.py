"""From raw files to a trained model: simulate, serve, download, convert, train."""

from __future__ import annotations

import functools
import hashlib
import threading
import zipfile
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from dataset_converters.simulation import simulate_kuaisar
from recbole_llm4msr import Config, run
from tests.toy import toy_settings


@pytest.fixture
def archive_server(tmp_path: Path):
    """A local server of a small simulated archive; gives its address and md5."""
    served = tmp_path / "served"
    raw = served / "raw"
    simulate_kuaisar(raw, scale=0.001, seed=1)
    archive = served / "KuaiSAR.zip"
    with zipfile.ZipFile(archive, "w") as content:
        for file in raw.rglob("*.csv"):
            content.write(file, f"KuaiSAR_final/{file.name}")
    handler = functools.partial(SimpleHTTPRequestHandler, directory=str(served))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield (
        f"http://127.0.0.1:{server.server_port}/KuaiSAR.zip",
        hashlib.md5(archive.read_bytes()).hexdigest(),
    )
    server.shutdown()


def settings(tmp_path: Path, url: str, md5: str) -> dict:
    download = {
        "converter": "kuaisar",
        "files": [{"url": url, "md5": md5}],
        "options": {"release": "small", "max_bad_rows": 1000},
    }
    data_path = tmp_path / "data"
    return toy_settings(tmp_path, knowledge="lsa", epochs=1) | {
        "data_path": str(data_path),
        "download": download,
    }


def test_a_missing_data_set_is_downloaded_converted_and_trained_on(
    tmp_path, archive_server
) -> None:
    chosen = settings(tmp_path, *archive_server)
    result = run("LLM4MSR_STAR", "kuaisar-small", config_dict=chosen)
    assert {"auc@search", "auc@recommendation"} <= set(result["test_result"])
    folder = tmp_path / "data" / "kuaisar-small"
    assert (folder / "kuaisar-small.yaml").is_file()
    config = Config("LLM4MSR_STAR", "kuaisar-small", None, chosen)
    assert config["prompt_template"] == "short_video"


def test_wrong_checksum_deletes_the_file_and_names_the_next_command(
    tmp_path, archive_server
) -> None:
    url, _ = archive_server
    with pytest.raises(OSError, match="KuaiSAR.zip"):
        run("LLM4MSR_STAR", "kuaisar-small", config_dict=settings(tmp_path, url, "0" * 32))
    assert not (tmp_path / "data" / "kuaisar-small").exists()
    assert not list((tmp_path / "data").rglob("*.zip"))
