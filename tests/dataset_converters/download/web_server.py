"""A local web server that resumes, fails and breaks off answers on request."""

import functools
import hashlib
import http.server
from pathlib import Path

from dataset_converters.download import RemoteFile


class Server(http.server.ThreadingHTTPServer):
    """Serves a folder.

    Attributes:
        cut: Numbers of bytes after which the next answers break off.
        fail: Status codes of the next answers.
        ranges: Whether it resumes.
        seen: The header Range of every request.
    """

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


def source_of(*files: RemoteFile, converter: str = "kuaisar", **options: object) -> dict:
    """Return the mapping under ``download`` for these files."""
    listed = [{k: v for k, v in vars(file).items() if v is not None} for file in files]
    return {"converter": converter, "files": listed, "options": options}
