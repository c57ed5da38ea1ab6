"""The commands ``benchmark`` and ``tune``."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from recbole_llm4msr.cli.errors import PASS_ON, read_settings, report_errors
from recbole_llm4msr.config.names import check_model

if TYPE_CHECKING:
    from recbole_llm4msr.evaluation.benchmark.comparison import Comparison
    from recbole_llm4msr.evaluation.benchmark.study import Study

benchmark_app = typer.Typer(add_completion=False)
tune_app = typer.Typer(add_completion=False)
out = Console(highlight=False)

#: What ``--tune`` searches for every model when no study says otherwise.
SPACE = {"learning_rate": [0.0005, 0.001, 0.002, 0.005], "dropout_prob": [0.0, 0.1, 0.2]}

Jobs = Annotated[int, typer.Option(min=1, help="Processes at a time.")]
Output = Annotated[Path, typer.Option(help="Folder of runs, tables and plots.")]


@benchmark_app.command(context_settings=PASS_ON)
@report_errors
def benchmark(
    context: typer.Context,
    dataset: Annotated[str | None, typer.Option(help="Name of the data set.")] = None,
    models: Annotated[
        str | None, typer.Option(help="Names of models, separated by commas.")
    ] = None,
    config: Annotated[Path | None, typer.Option(help="A study file instead of the above.")] = None,
    seeds: Annotated[int | None, typer.Option(min=1, help="Number of seeds.")] = None,
    tune: Annotated[int | None, typer.Option(min=0, help="Trials of tuning per model.")] = None,
    jobs: Jobs = 1,
    output: Output = Path("results"),
    baseline: Annotated[str | None, typer.Option(help="Compare all with this run.")] = None,
) -> None:
    """Train models with several seeds, tuned alike, and say how certain their differences are.

    Every model gets the same trials of tuning, judged by validation alone, then one run per seed.
    LLM4MSR_X is compared with X, or all with --baseline: paired t-test over seeds, bootstrap
    interval over test users, p-values corrected for the number of comparisons (Holm). Tables
    (Markdown, LaTeX, CSV) and plots (HTML, PNG) are written to --output, with one line per run in
    runs.jsonl. A run that is there is never repeated: a benchmark that was stopped goes on.

    Any setting can follow as --key=value; it holds for all models.
    """
    settings = _settings(context)
    _check(config, dataset, models)
    from recbole_llm4msr.evaluation.benchmark.board import Board
    from recbole_llm4msr.evaluation.benchmark.folder import sole_user
    from recbole_llm4msr.evaluation.benchmark.report import write_report
    from recbole_llm4msr.evaluation.benchmark.runner import Runner, planned, run_study
    from recbole_llm4msr.evaluation.benchmark.study import seeds_of, with_baseline

    study = _study(config, dataset, models, *settings)
    if seeds is not None:
        study = replace(study, seeds=seeds_of(seeds))
    if tune is not None:
        study = replace(study, tune=tune, space=study.space or SPACE)
    if baseline is not None:
        study = with_baseline(study, baseline)
    with sole_user(output), Board(planned(study), out) as board:
        runner = Runner(output, jobs, board)
        runs = run_study(study, runner)
    if runs:
        files, comparison = write_report(runs, output)
        out.print(_summary(study, comparison))
        out.print("wrote " + ", ".join(map(str, files)), soft_wrap=True)
    if runner.failed:
        out.print(f"[bold red]{len(runner.failed)} runs failed;[/] see above and {output}/logs")
        raise typer.Exit(1)


@tune_app.command(context_settings=PASS_ON)
@report_errors
def tune(
    context: typer.Context,
    model: Annotated[str, typer.Option(help="Name of the model.")],
    dataset: Annotated[str, typer.Option(help="Name of the data set.")],
    params_file: Annotated[
        Path | None,
        typer.Option("--params_file", help="Search space; the model's own if left out."),
    ] = None,
    trials: Annotated[int, typer.Option(min=1, help="Number of trials.")] = 20,
    algorithm: Annotated[str, typer.Option(help="bayes, random or exhaustive.")] = "bayes",
    seed: Annotated[int, typer.Option(help="Seed of the search and of every trial.")] = 2020,
    output: Output = Path("results"),
) -> None:
    """Search a model's settings by validation score, with hyperopt as in RecBole, but seeded.

    A trial that has been run is never repeated, so that a search that was stopped goes on.

    Any setting can follow as --key=value; it holds for all trials.
    """
    from_files, given = _settings(context)
    check_model(model)
    from recbole_llm4msr.evaluation.benchmark.board import Board
    from recbole_llm4msr.evaluation.benchmark.folder import sole_user
    from recbole_llm4msr.evaluation.benchmark.runner import Runner
    from recbole_llm4msr.evaluation.benchmark.search import SeededTuning, default_params_file

    settings = {**from_files, **given}
    file = params_file or default_params_file(model)
    with sole_user(output):
        runner = Runner(output, 1)
        search = SeededTuning(model, dataset, settings, file, algorithm, trials, seed, runner)
        with Board(search.planned, out) as runner.tell:
            runs = search.run()
    if not runs:
        raise ValueError(f"no trial of {model} could be trained; see {output}/logs")
    keys = list(search.space)
    table = Table(title=f"{model} on {dataset}: {len(runs)} trials, best first")
    for name in (*keys, f"valid {search.metric}", "epochs", "s"):
        table.add_column(name, justify="right")
    for run in runs[:10]:
        chosen = [str(run.settings[key]) for key in keys]
        seconds = f"{sum(run.seconds.values()):.0f}"
        table.add_row(*chosen, f"{run.valid[search.metric]:.6f}", str(run.epochs), seconds)
    out.print(table)
    best = {**settings, **runs[0].settings, "seed": seed}
    options = " ".join(f"--{key}={shlex.quote(str(value))}" for key, value in best.items())
    out.print(f"the best: --model={model} --dataset={dataset} {options}", soft_wrap=True)


def _summary(study: Study, comparison: Comparison) -> Table:
    """The columns on all rows; the scenarios are in the files, and too wide for a terminal."""
    from recbole_llm4msr.evaluation.benchmark.comparison import ALL
    from recbole_llm4msr.evaluation.benchmark.tables import DECIMALS, against, number

    table = Table(title=f"{study.dataset}: test {comparison.metric} on all rows")
    best = comparison.best(ALL, DECIMALS)
    for name in ("run", comparison.metric, "difference", "95 %", "p", "seeds"):
        table.add_column(name, justify="left" if name == "run" else "right")
    for row in comparison.rows:
        _, *certainty = against(row)
        score = number(row.cells[ALL], " ± ", "-")
        style = "bold" if row.label in best else None
        table.add_row(row.label, score, *certainty, str(row.seeds), style=style)
    return table


def _settings(context: typer.Context) -> tuple[dict[str, Any], dict[str, Any]]:
    """Read the settings in ``config_files``, and those that follow the command's own options.

    The files are read here, so that the key of a run is its settings and not the files' names.
    """
    settings = read_settings(context)
    files: dict[str, Any] = {}
    for name in str(settings.pop("config_files", "")).split():
        from recbole_llm4msr.evaluation.benchmark.study import read_mapping

        files |= read_mapping(Path(name))
    return files, settings


def _check(config: Path | None, dataset: str | None, models: str | None) -> None:
    """Check the options before RecBole and torch are imported."""
    if config is not None:
        if models is not None or dataset is not None:
            raise ValueError("--config names data set and models; leave out --dataset, --models")
        if not config.is_file():
            raise ValueError(f"{config}: there is no such study")
    elif not dataset or not models:
        raise ValueError("give --dataset and --models, or --config; see --help")
    for name in _split_names(models):
        try:
            check_model(name)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from error


def _split_names(models: str | None) -> list[str]:
    return [name.strip() for name in (models or "").split(",") if name.strip()]


def _study(
    config: Path | None,
    dataset: str | None,
    models: str | None,
    files: dict[str, Any],
    settings: dict[str, Any],
) -> Study:
    """The study that the options name; files are weaker than it, other settings stronger."""
    from recbole_llm4msr.evaluation.benchmark.study import from_models, read_study

    if config is not None:
        study = read_study(config)
        return replace(study, settings={**files, **study.settings, **settings})
    return from_models(_split_names(models), dataset=dataset, settings={**files, **settings})
