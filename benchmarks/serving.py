"""Measure exported models: scoring, recommending, files, start; compared with torch and RecBole.

Run by hand, with the folder that holds ``amazon-bst`` and a folder for checkpoints and artefacts::

    python benchmarks/serving.py --data-path=dataset --work=serving

Both sides of a comparison take turns, with as many threads, so that other work on the machine
affects both. Every figure is the median of ``--repeats`` rounds.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

import numpy as np
import polars as pl

MODELS = ("STAR", "LLM4MSR_STAR")
DATASET = "amazon-bst"
#: Rows of a batch of torch's predictions of all items.
BATCH = 4096

Times = dict[str, list[float]]


def prepare(model: str, options: argparse.Namespace) -> tuple[Path, Path]:
    """Train one epoch and export, where that has not been done; the checkpoint and the artefact."""
    from recbole_llm4msr import run
    from recbole_llm4msr.serving.export.run import export_checkpoint

    saved, artefact = options.work / "saved" / model, options.work / model
    if not list(saved.glob("*.pth")):
        where = {"data_path": str(options.data_path), "checkpoint_dir": str(saved)}
        settings = {**where, "epochs": 1, "use_gpu": False, "show_progress": False}
        run(model, DATASET, config_dict=settings, command_line=[])
    checkpoint = next(saved.glob("*.pth"))
    if not artefact.exists():
        export_checkpoint(checkpoint, artefact)
    return checkpoint, artefact


class Pair:
    """A trained model, as torch has it and as it is exported."""

    def __init__(self, checkpoint: Path, artefact: Path) -> None:
        import torch

        from recbole_llm4msr import load_data_and_model
        from recbole_llm4msr.serving import Scorer

        loaded = load_data_and_model(checkpoint, device="cpu")
        self.config, self.model, self.dataset, *_, self.test = loaded
        self.model.eval()
        self.scorer = Scorer.load(artefact, threads=torch.get_num_threads())

    def torch_scores(self, user: int, items, scenario: int) -> np.ndarray:
        """Predictions of torch for items of one user in one scenario."""
        import torch
        from recbole.data.interaction import Interaction

        n = len(items)
        row = {"user_id": torch.full((n,), user), "item_id": torch.as_tensor(items)}
        with torch.no_grad():
            rows = Interaction({**row, "scenario": torch.full((n,), scenario + 1)})
            return self.model.predict(rows).numpy()

    def raw(self, user: int, items: np.ndarray) -> tuple[str, pl.Series]:
        """Raw tokens of a user and of items."""
        tokens = self.dataset.field2id_token
        texts = tokens["item_id"][items].astype(str)
        return str(tokens["user_id"][user]), pl.Series("item_id", texts)


def timed(times: Times, name: str, call: Callable):
    start = perf_counter()
    result = call()
    times.setdefault(name, []).append(perf_counter() - start)
    return result


def measure_requests(pairs: dict[str, Pair], n: int, times: Times, rng) -> None:
    """Time 100 requests of one user and ``n`` items in one scenario; keep the median of each."""
    taken: Times = {}
    data = pairs["STAR"].dataset
    for _ in range(100):
        user, scenario = int(rng.integers(1, data.user_num)), int(rng.integers(0, 3))
        items = rng.integers(1, data.item_num, n)
        for model, pair in pairs.items():
            token, texts = pair.raw(user, items)
            encoder = pair.scorer.encoder
            user_id = int(encoder.users(pl.Series("user_id", [token]))[0])
            ids = encoder.items(texts)
            ours = timed(taken, f"{model} exported", lambda p=pair, u=user_id, s=scenario, i=ids: (
                p.scorer.score_items(u, s, i)))  # fmt: skip
            theirs = timed(taken, f"{model} torch", lambda p=pair, s=scenario, i=items, u=user: (
                p.torch_scores(u, i, s)))  # fmt: skip
            assert np.abs(ours - theirs).max() <= 1e-5
    for name, values in taken.items():
        times.setdefault(f"{n} items, {name}", []).append(statistics.median(values))


def measure_top(pairs: dict[str, Pair], times: Times, rng) -> None:
    """Time the ten best of all items for one user."""
    for model, pair in pairs.items():
        every = np.arange(1, pair.dataset.item_num)
        user = int(rng.integers(1, pair.dataset.user_num))
        token, texts = pair.raw(user, every)
        scenario = pair.scorer.artefact.scenarios[1]

        def by_torch(pair=pair, user=user, every=every) -> np.ndarray:
            parts = np.array_split(every, -(-len(every) // BATCH))
            scores = np.concatenate([pair.torch_scores(user, part, 1) for part in parts])
            return every[np.argsort(-scores)[:10]]

        def by_rows(pair=pair, token=token, texts=texts, scenario=scenario) -> pl.DataFrame:
            rows = pl.DataFrame(
                {"user_id": pl.repeat(token, len(texts), eager=True), "item_id": texts}
            ).with_columns(scenario=pl.lit(scenario))
            parts = [pair.scorer.predict(part) for part in rows.iter_slices(BATCH)]
            return pl.concat(parts).top_k(10, by="score")

        found = timed(times, f"top 10, {model} recommend", lambda p=pair, t=token, s=scenario: (
            p.scorer.recommend([t], s, 10)))  # fmt: skip
        best = timed(times, f"top 10, {model} torch", by_torch)
        timed(times, f"top 10, {model} predict", by_rows)
        assert set(found["item_id"]) == set(pair.raw(user, best)[1])


def measure_rows(pairs: dict[str, Pair], options: argparse.Namespace, times: Times) -> None:
    """Time scoring a parquet file, and RecBole's evaluation of the test split; seconds a row."""
    from recbole.data.utils import get_dataloader
    from recbole.trainer import Trainer

    from recbole_llm4msr import compat
    from recbole_llm4msr.serving import predict_file
    from recbole_llm4msr.serving.export.evaluate import raw_rows

    for model, pair in pairs.items():
        file = options.work / f"rows-{options.rows}.parquet"
        rows = raw_rows(pair.model, pair.test.dataset)
        if not file.exists():
            copies = -(-options.rows // len(rows))
            pl.concat([rows] * copies)[: options.rows].write_parquet(file, row_group_size=1 << 17)
        config = compat.copy_config(pair.config, metrics=["AUC", "LogLoss"])
        trainer = Trainer(config, pair.model)
        loader = get_dataloader(config, "test")(config, pair.test.dataset, None, shuffle=False)
        start = perf_counter()
        trainer.evaluate(loader, load_best_model=False)
        seconds = perf_counter() - start
        times.setdefault(f"rows, {model} RecBole", []).append(seconds / len(rows))
        start = perf_counter()
        n = predict_file(pair.scorer, file, options.work / "scores.parquet")
        times.setdefault(f"rows, {model} predict", []).append((perf_counter() - start) / n)


def process(code: str) -> tuple[float, float]:
    """Seconds and peak memory (MiB) of a Python process."""
    peak = "print(next(x for x in open('/proc/self/status') if 'VmHWM' in x).split()[1])"
    start = perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{peak}"], capture_output=True, text=True, check=True
    )
    return perf_counter() - start, int(done.stdout.split()[-1]) / 1024


def measure_start(paths: dict[str, tuple[Path, Path]], options, times: Times) -> None:
    """Time processes from their start to the first score."""
    one = options.work / "one.csv"
    row = pl.read_parquet(options.work / f"rows-{options.rows}.parquet", n_rows=1)
    row.write_csv(one)
    for model, (checkpoint, artefact) in paths.items():
        given = ["predict", f"--artefact={artefact}", f"--input={one}", "--output=one.out.csv"]
        cases = {
            "command predict": "from recbole_llm4msr.cli.main import main\n"
            f"try: main({given})\nexcept SystemExit: pass",
            "Scorer": "from recbole_llm4msr.serving import Scorer\nimport polars as pl\n"
            f"Scorer.load({str(artefact)!r}).predict(pl.DataFrame({row.to_dict(as_series=False)}))",
            "load_data_and_model": "from recbole_llm4msr import load_data_and_model\n"
            "import torch\n"
            f"_, m, _, _, _, rows = load_data_and_model({str(checkpoint)!r}, device='cpu')\n"
            "with torch.no_grad(): m.eval().predict(next(iter(rows))[0])",
        }
        for name, code in cases.items():
            times.setdefault(f"start, {model} {name}", []).append(process(code)[0])


def measure_memory(artefact: Path, options: argparse.Namespace) -> dict[int, float]:
    """Peak memory of scoring a file, by its number of rows."""
    peaks = {}
    for n in (options.rows // 5, options.rows):
        file = options.work / f"memory-{n}.parquet"
        whole = options.work / f"rows-{options.rows}.parquet"
        pl.scan_parquet(whole).head(n).sink_parquet(file)
        _, peaks[n] = process(
            "from recbole_llm4msr.serving import Scorer, predict_file\n"
            f"predict_file(Scorer.load({str(artefact)!r}), {str(file)!r}, "
            f"{str(options.work / 'memory.parquet')!r})"
        )
    return peaks


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-path", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True, help="Folder of what is made.")
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    options.work, options.data_path = options.work.resolve(), options.data_path.resolve()
    options.work.mkdir(parents=True, exist_ok=True)
    os.chdir(options.work)  # RecBole writes logs here
    import torch

    torch.set_num_threads(options.threads)
    paths = {model: prepare(model, options) for model in MODELS}
    pairs = {model: Pair(*given) for model, given in paths.items()}
    times: Times = {}
    rng = np.random.default_rng(0)
    for round_number in range(options.repeats + 1):
        taken: Times = {}
        for n in (100, 1000):
            measure_requests(pairs, n, taken, rng)
        measure_top(pairs, taken, rng)
        measure_rows(pairs, options, taken)
        measure_start(paths, options, taken)
        print(f"round {round_number} of {options.repeats}", file=sys.stderr, flush=True)
        if round_number:  # the first fills the machine's file cache
            for name, values in taken.items():
                times.setdefault(name, []).extend(values)
    print("| figure | median | smallest |\n|---|---|---|")
    for name, values in times.items():
        form = (lambda s: f"{1 / s:,.0f} rows/s") if name.startswith("rows") else ms
        print(f"| {name} | {form(statistics.median(values))} | {form(min(values))} |")
    for n, peak in measure_memory(paths["LLM4MSR_STAR"][1], options).items():
        print(f"| peak memory, {n:,} rows | {peak:,.0f} MiB | |")


def ms(seconds: float) -> str:
    return f"{1e3 * seconds:,.2f} ms"


if __name__ == "__main__":
    main()
