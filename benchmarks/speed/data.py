"""Generation of data sets of a given shape: seeded, written once and atomically."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import polars as pl
import yaml

SCENARIOS = np.array(["search", "feed", "mail"])

#: Settings of every data set, read by both sides.
_SETTINGS = {
    "USER_ID_FIELD": "user_id",
    "ITEM_ID_FIELD": "item_id",
    "SCENARIO_FIELD": "scenario",
    "LABEL_FIELD": "label",
    "TIME_FIELD": "timestamp",
    "load_col": None,
    "eval_args": {
        "split": {"RS": [0.8, 0.1, 0.1]},
        "order": "RO",
        "group_by": None,
        "mode": "labeled",
    },
}


@contextmanager
def made_once(folder: Path) -> Iterator[Path | None]:
    """Yield a temporary folder that gets its name at the end; ``None`` if the folder exists."""
    if folder.exists():
        yield None
        return
    making = folder.parent / f".{folder.name}.making"
    shutil.rmtree(making, ignore_errors=True)
    making.mkdir(parents=True)
    yield making
    making.rename(folder)


def write_log(
    data_path: str, name: str, *, rows: int, users: int, items: int, user_columns: int = 0
) -> None:
    """Write ``rows`` interactions of five columns, with their users and items.

    Args:
        data_path: Folder of data sets.
        name: Name of this one.
        rows: Number of interactions.
        users: Number of users; the ``.user`` file has each of them.
        items: Number of items; the ``.item`` file has each of them, with author and category.
        user_columns: Further columns of the ``.user`` file.
    """

    def tables(rng: np.random.Generator) -> Iterator[tuple[str, dict]]:
        yield "inter", _interactions(rng, rows, users, items)
        yield (
            "user",
            {
                "user_id:token": np.arange(users),
                **{f"u{n}:token": rng.integers(0, 20, users) for n in range(user_columns)},
            },
        )
        yield (
            "item",
            {
                "item_id:token": np.arange(items),
                "author_id:token": rng.integers(0, max(items // 20, 1), items),
                "category:token": rng.integers(0, 500, items),
            },
        )

    _write(data_path, name, tables)


def write_fields(data_path: str, name: str, *, rows: int, columns: int) -> None:
    """Write interactions of ``columns`` columns, without users and items."""

    def tables(rng: np.random.Generator) -> Iterator[tuple[str, dict]]:
        log = _interactions(rng, rows, 10_000, 100_000)
        further = range(columns - len(log))
        yield "inter", log | {f"f{n}:token": rng.integers(0, 1000, rows) for n in further}

    _write(data_path, name, tables)


def write_vocabulary(data_path: str, name: str, *, ids: int, rows: int, users: int) -> None:
    """Write eight fields with ``ids`` ids in all, mostly items; all ids are equally likely.

    The ``.item`` file holds the items with their category; the other fields are in ``.inter``.
    """
    small = {"f0": 1000, "f1": 500, "f2": 100, "f3": 20}
    categories = 300
    items = ids - users - sum(small.values()) - categories - len(SCENARIOS)

    def tables(rng: np.random.Generator) -> Iterator[tuple[str, dict]]:
        log = _interactions(rng, rows, users, items)
        log |= {f"{field}:token": rng.integers(0, n, rows) for field, n in small.items()}
        yield "inter", log
        category = rng.integers(0, categories, items)
        yield "item", {"item_id:token": np.arange(items), "category:token": category}

    _write(data_path, name, tables)


def write_kuaisar(data_path: str, name: str, scale: float | str) -> None:
    """Write simulated KuaiSAR, converted like the published files."""
    from dataset_converters.kuaisar import convert_kuaisar
    from dataset_converters.simulation import simulate_kuaisar

    with made_once(Path(data_path) / name) as folder:
        if folder is None:
            return
        raw = folder / "raw"
        simulate_kuaisar(raw, scale=scale)
        convert_kuaisar(raw, folder / name)
        shutil.rmtree(raw)
        for file in (folder / name).iterdir():
            file.rename(folder / file.name)
        (folder / name).rmdir()


def copy_dataset(source: str, data_path: str, name: str) -> None:
    """Copy a data set, so that nothing is written beside the original."""
    with made_once(Path(data_path) / name) as folder:
        if folder is not None:
            for file in sorted((Path(source) / name).glob(f"{name}.*")):
                shutil.copy(file, folder / file.name)


def remove_cache(data_path: str, name: str) -> None:
    """Remove this package's cache of a data set, so that the files are read again."""
    shutil.rmtree(Path(data_path) / name / "cache", ignore_errors=True)


def read_through(data_path: str, name: str) -> None:
    """Read the files once, so that they are in the page cache of the system."""
    for file in (Path(data_path) / name).glob(f"{name}.*"):
        with file.open("rb") as content:
            while content.read(1 << 24):
                pass


def _interactions(
    rng: np.random.Generator, rows: int, users: int, items: int
) -> dict[str, np.ndarray]:
    return {
        "user_id:token": rng.integers(0, users, rows),
        "item_id:token": rng.integers(0, items, rows),
        "scenario:token": SCENARIOS[rng.choice(len(SCENARIOS), rows, p=[0.3, 0.5, 0.2])],
        "label:float": (rng.random(rows) < 0.3).astype(np.int8),
        "timestamp:float": 1_680_000_000 + rng.integers(0, 1_000_000, rows),
    }


def _write(
    data_path: str, name: str, tables: Callable[[np.random.Generator], Iterator[tuple[str, dict]]]
) -> None:
    with made_once(Path(data_path) / name) as folder:
        if folder is None:
            return
        for suffix, columns in tables(np.random.default_rng(0)):
            pl.DataFrame(columns).write_csv(folder / f"{name}.{suffix}", separator="\t")
        text = yaml.safe_dump(_SETTINGS)
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
