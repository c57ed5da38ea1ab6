"""Record where the user wrote each setting of a run, and rank these places."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager


class WrittenPlaces:
    """The part of a configuration that records where its settings were written.

    Places are files, ``config_dict`` and ``command line``. All attributes are plain values, which a
    checkpoint may hold too.
    """

    def __init__(self) -> None:
        self._sources: dict[str, str] = {}  # key -> the strongest place it was written in
        self._places: list[str] = []  # those places, the weakest first

    def add_place(self, place: str, keys: Iterable[str]) -> None:
        """Record that ``place``, stronger than those before, sets ``keys``."""
        self._places.append(place)
        self._sources.update(dict.fromkeys(keys, place))

    def add_weakest_place(self, place: str, keys: Iterable[str]) -> None:
        """Record that ``place``, weaker than those before, sets ``keys``."""
        self._places.insert(0, place)
        self._sources = dict.fromkeys(keys, place) | self._sources

    def written_as(self, key: str, other: str) -> None:
        """Give ``key`` the place of ``other``, which determines its value."""
        self._sources[key] = self._sources[other]

    def place_of(self, key: str) -> str | None:
        """The strongest place in which the user wrote a key; ``None`` for a default."""
        return self._sources.get(key)

    @property
    def written(self) -> dict[str, str]:
        """The strongest place of every key that the user wrote."""
        return dict(self._sources)

    @contextmanager
    def naming_places(self) -> Iterator[None]:
        """Add to an error in this block that begins with ``key:`` the place of that setting."""
        try:
            yield
        except ValueError as error:
            text = str(error)
            key = re.match(r"(\w+): ", text)
            place = self.place_of(key[1]) if key else None
            if place and place not in text and error.args == (text,):
                error.args = (f"{text} ({key[1]} is set in: {place})",)
            raise

    def strength_of(self, key: str) -> int:
        """Rank of that place among those of this run, the weakest 0; -1 for a default."""
        place = self.place_of(key)
        return max((rank for rank, of in enumerate(self._places) if of == place), default=-1)
