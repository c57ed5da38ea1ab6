"""Read the folder of an exported model: fields, vocabularies, features, user layers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from recbole_llm4msr.serving.arrays import MappedArrays
from recbole_llm4msr.serving.errors import ArtefactError
from recbole_llm4msr.serving.fields import Field
from recbole_llm4msr.serving.manifest import read_manifest
from recbole_llm4msr.serving.vocabulary import Vocabulary

FEATURES = "features.safetensors"
HISTORY = "history.safetensors"
KNOWLEDGE = "knowledge.safetensors"
USER_LAYERS = "user_layers.safetensors"
WEIGHTS = "weights.safetensors"
VOCABULARY = "vocabulary"


def vocabulary_file(number: int) -> str:
    """File of the tokens of field ``number``; a field's name may not be one of a file."""
    return f"{VOCABULARY}/{number}.arrow"


@dataclass(frozen=True)
class Artefact:
    """An opened artefact; arrays are mapped, and read when they are used.

    Args:
        folder: The folder.
        manifest: Its manifest, verified.
    """

    folder: Path
    manifest: dict[str, Any]

    @classmethod
    def open(cls, folder: str | Path, *, verify: bool = True) -> Artefact:
        """Open a folder.

        Args:
            folder: The folder that ``export`` wrote.
            verify: Whether the checksums of all files are compared, not only their sizes.

        Raises:
            ArtefactError: It is not a complete, unaltered artefact of a version that can be read.
        """
        folder = Path(folder)
        return cls(folder, read_manifest(folder, verify=verify))

    @cached_property
    def fields(self) -> list[Field]:
        """The fields that the model reads."""
        return [Field(**field) for field in self.manifest["fields"]]

    @property
    def user_field(self) -> str:
        """Name of the column of users."""
        return self.manifest["user_field"]

    @property
    def item_field(self) -> str:
        """Name of the column of items."""
        return self.manifest["item_field"]

    @property
    def scenario_field(self) -> str | None:
        """Name of the column of scenarios, ``None`` for a model without."""
        return self.manifest["scenario_field"]

    @property
    def scenarios(self) -> list[str]:
        """Raw tokens of the scenarios, in order."""
        return [scenario["token"] for scenario in self.manifest["scenarios"]]

    @cached_property
    def vocabularies(self) -> dict[str, Vocabulary]:
        """Tokens of every token field, by its name."""
        return {
            name: Vocabulary.read(self.folder / file)
            for name, file in self.manifest["vocabularies"].items()
        }

    @cached_property
    def features(self) -> MappedArrays:
        """Values of the fields of users and items, a row per id, the last of unknown ones."""
        return MappedArrays(self.folder / FEATURES)

    @cached_property
    def user_layers(self) -> UserLayers | None:
        """What the model generated for every user, ``None`` for a model without."""
        if self.manifest["user_layer"] is None:
            return None
        return UserLayers(MappedArrays(self.folder / USER_LAYERS))

    @cached_property
    def history(self) -> MappedArrays:
        """Items of every user's training rows.

        Raises:
            ArtefactError: The artefact was exported without them.
        """
        if not (self.folder / HISTORY).is_file():
            raise ArtefactError(
                f"{self.folder}: the items that users have seen are not in this artefact; export "
                "it with --with-history"
            )
        return MappedArrays(self.folder / HISTORY)

    def seen_items(self, user: int) -> np.ndarray:
        """Ids of the items of a user's training rows; none for an unknown user."""
        starts = self.history["starts"]
        if not 1 <= user < len(starts) - 1:
            return np.empty(0, np.int32)
        return self.history["items"][starts[user] : starts[user + 1]]


class UserLayers:
    """The numbers generated for every user; users below the threshold share theirs.

    Args:
        arrays: ``layer`` (R, n) in float32, float16, or int8 with ``scale`` (R,); ``row_of`` the
            row of every user id, the last that of an unknown user.
    """

    def __init__(self, arrays: MappedArrays) -> None:
        self._layer, self._row_of = arrays["layer"], arrays["row_of"]
        self._scale = arrays.get("scale")
        self.unknown = len(self._row_of) - 1

    def of(self, users: np.ndarray) -> np.ndarray:
        """The layers of users by id, float32, shape ``(U, n)``."""
        rows = self._row_of[users]
        values = self._layer[rows]
        if self._scale is not None:
            return values * self._scale[rows][:, None]
        return values.astype(np.float32, copy=False)


class GivenLayers:
    """The layers of some users, over those of an artefact.

    Args:
        stored: The layers of the artefact, the last that of an unknown user.
        n_users: Number of ids; those that the artefact does not have are unknown users there.
        ids: Users that have another layer than that.
        layers: Their layers, ``(U, n)``.
    """

    def __init__(
        self, stored: UserLayers, n_users: int, ids: np.ndarray, layers: np.ndarray
    ) -> None:
        self._stored, self._layers = stored, layers
        self._row = np.full(n_users, -1)
        self._row[ids] = np.arange(len(ids))

    def of(self, users: np.ndarray) -> np.ndarray:
        """The layers of users by id, float32, shape ``(U, n)``."""
        row = self._row[users]
        layers = self._stored.of(np.minimum(users, self._stored.unknown))
        layers[row >= 0] = self._layers[row[row >= 0]]
        return layers
