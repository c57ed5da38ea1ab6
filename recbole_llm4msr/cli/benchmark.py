"""The commands ``benchmark`` and ``tune``: their options, and what they call."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from recbole_llm4msr.cli.errors import PASS_ON, read_settings, report_errors
from recbole_llm4msr.config.checks_before_import import check_dataset
from recbole_llm4msr.config.names import check_model

benchmark_app = typer.Typer(add_completion=False)
tune_app = typer.Typer(add_completion=False)
out = Console(highlight=False)

Jobs = Annotated[int, typer.Option(min=1, help="Number of processes at a time.")]
Output = Annotated[Path, typer.Option(help="Folder of runs, tables and plots.")]
ReuseOtherCode = Annotated[
    bool,
    typer.Option(
        "--reuse-other-code", help="Use recorded runs of another version of this package, too."
    ),
]


@benchmark_app.command(context_settings=PASS_ON)
@report_errors
def benchmark(
    context: typer.Context,
    dataset: Annotated[str | None, typer.Option(help="Name of the data set.")] = None,
    models: Annotated[
        str | None, typer.Option(help="Names of models, separated by commas.")
    ] = None,
    config: Annotated[Path | None, typer.Option(help="Study file, in place of the above.")] = None,
    seeds: Annotated[int | None, typer.Option(min=1, help="Number of seeds.")] = None,
    tune: Annotated[int | None, typer.Option(min=0, help="Trials of tuning per model.")] = None,
    jobs: Jobs = 1,
    output: Output = Path("results"),
    baseline: Annotated[str | None, typer.Option(help="Compare all others with this run.")] = None,
    reuse_other_code: ReuseOtherCode = False,
) -> None:
    """Train models with several seeds and equal tuning; test the significance of differences.

    Every model gets the same trials of tuning, judged by validation alone, then one run per seed.
    LLM4MSR_X is compared with X, or all with --baseline: paired t-test over seeds, bootstrap
    interval over test users, p-values corrected for the number of comparisons (Holm). Tables
    (Markdown, LaTeX, CSV) and plots (HTML, PNG) are written to --output, with one line per run in
    runs.jsonl. A recorded run is not repeated: a benchmark that was stopped continues. Runs of
    another version of this package are refused; see --reuse-other-code.

    Any setting can follow as --key=value; it holds for all models.
    """
    from_files, settings = _read_settings(context)
    names = [name.strip() for name in (models or "").split(",") if name.strip()]
    _check_study_options(config, dataset, names)
    from recbole_llm4msr.evaluation import benchmark as bench

    study = bench.study_from_options(
        study_file=config,
        dataset=dataset,
        models=names,
        file_settings=from_files,
        settings=settings,
        seeds=seeds,
        tune=tune,
        baseline=baseline,
    )
    check_dataset({**study.settings, "dataset": study.dataset})
    with bench.lock_folder(output), bench.Board(bench.count_runs(study), out) as board:
        runner = bench.Runner(output, jobs, board, reuse_other_code)
        runs = bench.run_study(study, runner)
    _print_other_code(len(runner.reused_other_code))
    if runs:
        files, comparison = bench.write_report(runs, output)
        out.print(*bench.summary_tables(study.dataset, comparison, out.width))
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
        typer.Option("--params_file", help="Search file; by default that of the model."),
    ] = None,
    trials: Annotated[int, typer.Option(min=1, help="Number of trials.")] = 20,
    algorithm: Annotated[str, typer.Option(help="bayes, random or exhaustive.")] = "bayes",
    seed: Annotated[int, typer.Option(help="Seed of the search and of every trial.")] = 2020,
    output: Output = Path("results"),
    reuse_other_code: ReuseOtherCode = False,
) -> None:
    """Search a model's settings by validation score, with hyperopt as in RecBole, but seeded.

    A recorded trial is not repeated: a search that was stopped continues. Trials of another version
    of this package are refused; see --reuse-other-code.

    Any setting can follow as --key=value; it holds for all trials.
    """
    from_files, given = _read_settings(context)
    check_model(model)
    from recbole_llm4msr.evaluation import benchmark as bench

    settings = {**from_files, **given}
    file = params_file or bench.default_params_file(model)
    with bench.lock_folder(output):
        runner = bench.Runner(output, 1, reuse_other_code=reuse_other_code)
        search = bench.SeededTuning(model, dataset, settings, file, algorithm, trials, seed, runner)
        check_dataset({**settings, "dataset": dataset})
        with bench.Board(search.planned, out) as runner.listener:
            runs = search.run()
    if not runs:
        raise ValueError(f"no trial of {model} could be trained; see {output}/logs")
    _print_other_code(len(runner.reused_other_code))
    title = f"{model} on {dataset}: {len(runs)} trials, best first"
    out.print(bench.trials_table(title, runs, list(search.space), search.metric))
    best = {**settings, **runs[0].settings, "seed": seed}
    out.print(f"the best: {bench.best_command(model, dataset, best)}", soft_wrap=True)


def _read_settings(context: typer.Context) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the settings in the files of ``--config_files``, and those of the command line.

    The files are read here: their settings are recorded with a run, not the names of the files.
    """
    settings = read_settings(context)
    from_files: dict[str, Any] = {}
    for name in str(settings.pop("config_files", "")).split():
        from recbole_llm4msr.evaluation.benchmark import read_mapping

        from_files |= read_mapping(Path(name))
    return from_files, settings


def _check_study_options(config: Path | None, dataset: str | None, models: list[str]) -> None:
    """Refuse options that do not give a study, before RecBole and torch are imported."""
    if config is not None:
        if models or dataset is not None:
            raise ValueError("--config names data set and models; leave out --dataset, --models")
        if not config.is_file():
            raise ValueError(f"{config}: there is no such study")
    elif not dataset or not models:
        raise ValueError("give --dataset and --models, or --config; see --help")
    for name in models:
        try:
            check_model(name)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from error


def _print_other_code(n_runs: int) -> None:
    if n_runs:
        out.print(f"[yellow]{n_runs} runs were made with other code of this package[/]")
