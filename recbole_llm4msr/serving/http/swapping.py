"""The artefact that scores: found, checked, opened, and swapped for a new one between requests.

Every request keeps the artefact that it started with. A new one is opened beside it, and then
takes its place by one assignment; the old one is closed when its last request ends.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from pathlib import Path

from recbole_llm4msr.serving.errors import ArtefactError
from recbole_llm4msr.serving.http.metrics import Metrics
from recbole_llm4msr.serving.manifest import NAME as MANIFEST
from recbole_llm4msr.serving.scorer import Scorer

#: File that names the artefact to use, among those beside it.
POINTER = "current.json"

_LONGEST_POINTER = 1 << 16

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Served:
    """An artefact that scores.

    Args:
        name: Name of its folder.
        scorer: The opened model.
    """

    name: str
    scorer: Scorer


class ArtefactSource:
    """Where artefacts are found: an artefact, or a folder with ``current.json`` beside several.

    Args:
        folder: The folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def is_watched(self) -> bool:
        """Whether another artefact may take the place of this one."""
        return not (self.folder / MANIFEST).exists()

    def locate(self) -> Path:
        """Return the artefact's folder.

        Raises:
            ArtefactError: There is none, or ``current.json`` does not name one.
        """
        pointer = self.folder / POINTER
        if not self.folder.is_dir():
            raise ArtefactError(f"{self.folder}: there is no such folder")
        if (self.folder / MANIFEST).exists():
            if pointer.exists():
                raise ArtefactError(
                    f"{self.folder}: this is an artefact, and it has a {POINTER}; put that beside "
                    "artefacts, or remove it"
                )
            return self.folder
        try:
            with pointer.open("rb") as file:
                content = json.loads(file.read(_LONGEST_POINTER))
        except FileNotFoundError as error:
            raise ArtefactError(
                f"{self.folder}: this is neither an artefact, with {MANIFEST}, nor a folder with "
                f"{POINTER} beside artefacts"
            ) from error
        except (ValueError, RecursionError) as error:
            raise ArtefactError(f"{pointer}: this is not JSON") from error
        name = content.get("artefact") if isinstance(content, dict) else None
        if not isinstance(name, str) or set(content) != {"artefact"}:
            raise ArtefactError(f'{pointer}: write {{"artefact": "NAME"}} and nothing else')
        if name in ("", ".", "..") or any(sign in name for sign in "/\\\0"):
            raise ArtefactError(f"{pointer}: {name[:80]!r} is not the name of a folder beside it")
        return self.folder / name

    def state(self) -> Hashable:
        """What changes with the artefact: its folder, and the size and time of its files."""
        try:
            folder = self.locate()
            files = sorted(path for path in folder.rglob("*") if path.is_file())
            stats = [(str(path), path.stat()) for path in files]
        except (ArtefactError, OSError) as error:
            return str(error)
        return (
            str(folder),
            *((path, stat.st_size, stat.st_mtime_ns, stat.st_ino) for path, stat in stats),
        )


class Swapper:
    """Keeps the artefact of a source open, and takes a new one when there is one.

    Args:
        source: Where artefacts are found.
        metrics: Where taken and refused artefacts are counted.
        interval: Seconds between two looks at the source.
        on_first_failure: Called where there is no artefact to begin with.

    Attributes:
        current: The artefact that scores; ``None`` until the first is open.
        failure: Why there is none.
    """

    def __init__(
        self,
        source: ArtefactSource,
        metrics: Metrics,
        *,
        interval: float = 1.0,
        on_first_failure: Callable[[], None] = lambda: None,
    ) -> None:
        self.source, self.metrics, self.interval = source, metrics, interval
        self.on_first_failure = on_first_failure
        self.current: Served | None = None
        self.failure: str | None = None
        self._seen: Hashable = None
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Open the artefact in a thread, which then watches the source."""
        self._stop.clear()
        self._thread = threading.Thread(target=self._watch, name="artefact watch", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _watch(self) -> None:
        while not self._stop.is_set():
            self.look()
            if self.current is None and self.failure is not None:
                self.on_first_failure()
                return
            if self.current is not None and not self.source.is_watched:
                return
            self._stop.wait(self.interval)

    def look(self) -> None:
        """Take the source's artefact if it has changed; refuse it if it cannot be used."""
        state = self.source.state()
        if state == self._seen:
            return
        try:
            folder = self.source.locate()
            log.info("opening the artefact %s", folder)
            scorer = Scorer.load(folder)
            scorer.open_all()
        except Exception as error:  # whatever is wrong with it, the old one goes on
            self._seen = state
            self._refuse(error)
            return
        if self.source.state() != state:  # changed while it was read: it is read again
            return
        self._seen = state
        self.current = Served(folder.resolve().name, scorer)
        self.metrics.take(self.current.name)
        log.info("the artefact %s scores now", self.current.name)

    def _refuse(self, error: Exception) -> None:
        self.metrics.faults.inc()
        if self.current is None:
            self.failure = str(error)
        else:
            log.error("refused an artefact: %s; %s goes on", error, self.current.name)
