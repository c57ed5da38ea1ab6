"""Knowledge as plain features of the users, for every model of RecBole."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from recbole.data.interaction import Interaction
from recbole.utils import FeatureSource, FeatureType

from recbole_llm4msr.knowledge.options import KnowledgeError
from recbole_llm4msr.knowledge.vectors.prepared_vectors import Knowledge

FIELD = "knowledge"
CLUSTER = f"{FIELD}_cluster"
SPEC = re.compile(r"(pca|kmeans):([1-9]\d*)")
PADDING = "[PAD]"


def parse_features(spec: str) -> tuple[str, int]:
    """Read ``pca:N`` or ``kmeans:N``.

    Raises:
        KnowledgeError: It is neither.
    """
    match = SPEC.fullmatch(str(spec).strip())
    if match is None:
        raise KnowledgeError(f"knowledge_features: {spec!r} is neither pca:N nor kmeans:N")
    return match[1], int(match[2])


def numerical_fields(spec: str) -> list[str]:
    """Names of the float fields of ``knowledge_features``; none where it is not ``pca:N``."""
    match = SPEC.fullmatch(str(spec).strip())
    if match is None or match[1] != "pca":
        return []
    return [f"{FIELD}_{n}" for n in range(int(match[2]))]


def knowledge_fields(knowledge: Knowledge, spec: str, seed: int) -> dict[str, np.ndarray]:
    """Return the columns of ``knowledge_features``, one value per row of ``knowledge.user``.

    ``pca:N`` gives the N leading components as float32 columns ``knowledge_0`` ...; ``kmeans:N``
    one int64 column ``knowledge_cluster`` of clusters 1 .. N, 0 being the padding. Only users with
    a prompt of their own shape the clusters.

    Raises:
        KnowledgeError: ``spec`` is neither form, or asks for more than there is.
    """
    kind, number = parse_features(spec)
    vectors = knowledge.user.numpy()
    own = vectors[: len(knowledge.own)][knowledge.own.numpy()]
    most = vectors.shape[1] if kind == "pca" else len(own)
    if number > most:
        has = "components; raise knowledge_size" if kind == "pca" else "users of their own"
        raise KnowledgeError(f"knowledge_features: {spec} is more than the {most} {has}")
    if kind == "pca":
        return {name: vectors[:, n].copy() for n, name in enumerate(numerical_fields(spec))}
    from sklearn.cluster import MiniBatchKMeans  # a second of imports

    means = MiniBatchKMeans(number, random_state=seed, n_init=3).fit(own)
    cluster = means.predict(vectors).astype(np.int64) + 1
    cluster[0] = 0
    return {CLUSTER: cluster}


def attach_features(
    train: Any, others: Sequence[Any], knowledge: Knowledge, spec: str, seed: int
) -> list[str]:
    """Add knowledge as fields to the built splits of a RecBole data set, in place.

    With one fold the fields belong to the users (``user_feat``). With several folds a training
    row must see the vector of its fold, so there the fields belong to the interactions.

    Args:
        train: The training split that ``knowledge`` was made from.
        others: The validation and test splits.
        knowledge: What :func:`~recbole_llm4msr.knowledge.prepare_knowledge` returned.
        spec: ``pca:N`` or ``kmeans:N``.
        seed: Seed of the clusters.

    Returns:
        The names of the new fields.
    """
    columns = knowledge_fields(knowledge, spec, seed)
    by_user = knowledge.train_index is None
    n_users = len(knowledge.own)
    for split in (train, *others):
        if by_user:
            if split.user_feat is None:
                split.user_feat = Interaction({split.uid_field: torch.arange(n_users)})
            rows, target = torch.arange(n_users), split.user_feat
        else:
            ids = split.inter_feat[split.uid_field]
            rows, target = knowledge.train_index if split is train else ids, split.inter_feat
        for name, values in columns.items():
            _declare(split, name, values, by_user)
            target.update(Interaction({name: _column(values)[rows]}))
    return list(columns)


def _declare(split: Any, name: str, values: np.ndarray, by_user: bool) -> None:
    """Make a field known to RecBole: its type and owner, its tokens or its numerical use."""
    source = FeatureSource.USER if by_user else FeatureSource.INTERACTION
    if values.dtype == np.int64:
        split.set_field_property(name, FeatureType.TOKEN, source, 1)
        tokens = np.array([PADDING, *map(str, range(1, int(values.max()) + 1))])
        split.field2id_token[name] = tokens
        split.field2token_id[name] = {token: at for at, token in enumerate(tokens)}
        return
    split.set_field_property(name, FeatureType.FLOAT, source, 1)
    split.field2bucketnum[name] = 2  # RecBole's size of a number that is not put into buckets


def _column(values: np.ndarray) -> torch.Tensor:
    """Ids as they are; a number as RecBole's pair of value and bucket, (n, 2)."""
    column = torch.from_numpy(values)
    return column if values.dtype == np.int64 else torch.stack([column, torch.ones_like(column)], 1)
