"""Gather batches from packed tables (``packed_loader``): one gather per table and batch.

RecBole turns every batch's row numbers into a Python list and indexes each column with it. Here the
columns of a split are stored in one table per type, so that a batch is one gather of whole rows;
batches in order (evaluation) are views. Order and content are those of RecBole, except for models
that are faster with a user's rows adjacent: all rows of a user in evaluation, blocks of them in
training (``user_block_size``).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from recbole.data.dataloader import NegSampleEvalDataLoader, TrainDataLoader
from recbole.data.interaction import Interaction
from recbole.data.transform import Equal
from torch.utils.data import RandomSampler, SequentialSampler

from recbole_llm4msr.data.loading.user_blocks import in_blocks


class PackedTable:
    """Columns of equal length stored row by row: one table per type, plus the wider columns.

    Args:
        columns: The columns; those of one dimension are packed, others are kept as they are.
        device: Device of the tables.
    """

    def __init__(self, columns: Interaction, device: torch.device) -> None:
        self._names = list(columns.interaction)
        by_type: dict[torch.dtype, list[str]] = {}
        for name in self._names:
            if columns[name].dim() == 1:
                by_type.setdefault(columns[name].dtype, []).append(name)
        self._tables = [
            (names, torch.stack([columns[name] for name in names], dim=1).to(device))
            for names in by_type.values()
        ]
        self.device = device
        packed = {name for names, _ in self._tables for name in names}
        self._wide = [(n, columns[n].to(device)) for n in self._names if n not in packed]

    def rows(self, index: torch.Tensor | slice) -> dict[str, torch.Tensor]:
        """The rows of an index, by name of the column, in the order of the columns.

        Args:
            index: Row numbers, shape ``(B,)``, or a slice, which copies nothing.
        """
        columns = {}
        for names, table in self._tables:
            part = table[index] if isinstance(index, slice) else table.index_select(0, index)
            columns.update(zip(names, part.unbind(dim=1), strict=True))
        for name, values in self._wide:
            columns[name] = values[index]
        return {name: columns[name] for name in self._names}


def can_pack(loader: Any) -> bool:
    """Whether a loader only reads rows: no negative sampling, no transform, one process."""
    return (
        isinstance(loader, TrainDataLoader | NegSampleEvalDataLoader)
        and loader.neg_sample_args["distribution"] == "none"
        and type(loader.transform) is Equal
        and loader.config["single_spec"]
        and loader.num_workers == 0
    )


class PackedLoader:
    """Wrap a RecBole loader so that its batches are gathered from packed tables.

    Everything except iteration is delegated to the wrapped loader.

    Args:
        loader: A loader for which :func:`can_pack` holds.
        device: Device of the batches, and of the tables if they fit there.
        by_user: Whether an evaluation split is read user by user.
        block_size: Adjacent training rows of one key in a shuffled order.
        block_field: Field of that key.

    Attributes:
        order: Positions in the split of the rows as they are read, shape ``(n,)``; ``None`` if they
            are read in the split's order or shuffled.
    """

    def __init__(
        self,
        loader: TrainDataLoader | NegSampleEvalDataLoader,
        device,
        *,
        by_user: bool = False,
        block_size: int = 1,
        block_field: str | None = None,
    ) -> None:
        self._loader = loader
        self._is_train = isinstance(loader, TrainDataLoader)
        self.order: torch.Tensor | None = None
        if by_user and not self._is_train:
            dataset = loader.dataset
            self.order = torch.argsort(dataset.inter_feat[dataset.uid_field], stable=True)
        self._block_size = block_size
        self._block_field = block_field
        self._device = torch.device(device)
        self._tables: tuple[PackedTable, ...] | None = None

    def __getattr__(self, name: str) -> Any:
        if name == "_loader":  # looked up before __init__ by copy and pickle
            raise AttributeError(name)
        return getattr(self._loader, name)

    def __len__(self) -> int:
        return len(self._loader)

    def __iter__(self) -> Iterator:
        if (
            self._tables is None
        ):  # at first use, so that columns added to the split before are included
            self._tables = self._pack()
        rows, users, items = self._tables
        dataset = self._loader.dataset
        for index in self._indices():
            batch = rows.rows(index)
            if users is not None:
                batch.update(users.rows(batch[dataset.uid_field]))
            if items is not None:
                batch.update(items.rows(batch[dataset.iid_field]))
            interaction = Interaction(batch)
            yield interaction if self._is_train else (interaction, None, None, None)

    def _pack(self) -> tuple[PackedTable, PackedTable | None, PackedTable | None]:
        dataset = self._loader.dataset
        rows = dataset.inter_feat if self.order is None else dataset.inter_feat[self.order]
        feats = [rows, dataset.user_feat, dataset.item_feat]
        size = sum(
            column.nbytes
            for feat in feats
            if feat is not None
            for column in feat.interaction.values()
        )
        device = self._device if _fits(size, self._device) else torch.device("cpu")
        return tuple(feat if feat is None else PackedTable(feat, device) for feat in feats)

    def _indices(self) -> Iterator[torch.Tensor | slice]:
        """Row numbers of every batch, in the order in which torch's loader would take them."""
        step, sampler, n = self._loader.step, self._loader.sampler, self._loader.sample_size
        # torch's loader draws a seed for its workers first, even without workers.
        torch.empty((), dtype=torch.int64).random_(generator=self._loader.generator)
        if isinstance(sampler, SequentialSampler):
            yield from (slice(start, min(start + step, n)) for start in range(0, n, step))
        elif isinstance(sampler, RandomSampler):
            order = torch.randperm(n, generator=self._loader.generator)
            if self._block_size > 1:
                key = self._loader.dataset.inter_feat[self._block_field]
                order = in_blocks(order, key, self._block_size, self._loader.generator)
            yield from order.to(self._table_device()).split(step)
            # torch's sampler draws another permutation when it is exhausted.
            torch.randperm(n, generator=self._loader.generator)
        else:  # any other sampler: its order
            order = torch.tensor(list(sampler), dtype=torch.int64)
            yield from order.to(self._table_device()).split(step)

    def _table_device(self) -> torch.device:
        return self._tables[0].device


def _fits(size: int, device: torch.device) -> bool:
    """Whether tables of ``size`` bytes fit on the device: up to half of its free memory."""
    if device.type != "cuda":
        return True
    free, _ = torch.cuda.mem_get_info(device)
    return size < free / 2
