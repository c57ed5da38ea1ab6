"""The command: ``python -m recbole_llm4msr``, ``recbole-llm4msr``, ``python run_recbole.py``."""

from __future__ import annotations

import difflib
import os
import sys
from collections.abc import Sequence
from importlib.metadata import version

from recbole_llm4msr.util.parent_watch import end_with_parent
from recbole_llm4msr.util.requirement import check_recbole

#: Commands beside training a model, with what each is for.
_COMMANDS = {
    "convert": "a CSV, parquet or JSON log, KuaiSAR or Amazon files to a data set",
    "benchmark": "models, seeds and tuning compared in one table, with tests of significance",
    "tune": "search a model's settings by validation score",
    "knowledge": "build, inspect, verify and export the knowledge of a language model",
    "export": "a trained model as a folder that is used without RecBole and torch",
    "predict": "score the rows of a file with an exported model",
    "recommend": "the best items of users by an exported model",
    "serve": "answer requests over HTTP with an exported model",
}

#: Commands that run without RecBole.
_WITHOUT_RECBOLE = {"predict", "recommend", "serve"}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command; errors that the user can correct are one message, without a traceback."""
    end_with_parent()
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    traceback = "--traceback" in arguments
    if not (arguments and arguments[0] in _COMMANDS):  # those have options of their own
        arguments = [argument for argument in arguments if argument != "--traceback"]
    if not arguments or arguments[0] not in _WITHOUT_RECBOLE:
        check_recbole()
    try:
        _dispatch(arguments)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader has seen enough: `--help | head`
        if sys.stdout is sys.__stdout__:  # Python flushes it once more at the end
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except ImportError as error:
        if traceback or (error.name or "").startswith(("recbole_llm4msr", "recbole.")):
            raise
        sys.exit(f"error: {_missing_package(error)}")
    except (ValueError, OSError, SyntaxError) as error:
        if traceback:
            raise
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        sys.exit(130)


def _dispatch(arguments: list[str]) -> None:
    """Run what the arguments ask for: a command by name, help, the version, or a training."""
    first = arguments[0] if arguments else "--help"
    if first in _COMMANDS:
        _command(first, arguments[1:])
    elif {"-h", "--help", "--help-all"} & {first, *arguments}:
        print(_help(arguments))
    elif "--version" in arguments:
        print(_versions())
    elif not first.startswith("-"):
        near = difflib.get_close_matches(first, _COMMANDS, n=1)
        raise ValueError(
            f"there is no command {first!r}."
            + (f" Did you mean {near[0]}?" if near else "")
            + f" Commands: {', '.join(_COMMANDS)}; without one a model is trained "
            "(--model=STAR --dataset=ml-100k)"
        )
    else:
        _run(arguments)


def _help(arguments: list[str]) -> str:
    """The short help; with ``--help-all`` all settings, with ``--model`` those of one model."""
    from recbole_llm4msr.cli import help as texts
    from recbole_llm4msr.config.command_line import parse_options

    if "--help-all" in arguments:
        return texts.all_settings()
    given = [argument for argument in arguments if argument not in ("-h", "--help")]
    model = parse_options(given)[0].get("model")
    return texts.model_help(model) if model else texts.short_help(_COMMANDS)


def _versions() -> str:
    """The versions of this package, of RecBole and of Python, on one line."""
    from recbole_llm4msr import __version__

    python = ".".join(map(str, sys.version_info[:3]))
    return f"recbole_llm4msr {__version__}, recbole {version('recbole')}, Python {python}"


def _missing_package(error: ImportError) -> str:
    """One sentence on a library that a model or a setting needs and that is not installed."""
    name = (error.name or "").partition(".")[0]
    if isinstance(error, ModuleNotFoundError) and name:
        return f"this run needs the package {name}, which is not installed: pip install {name}"
    return str(error)


def _run(arguments: list[str]) -> None:
    from recbole_llm4msr.config.checks_before_import import check_options
    from recbole_llm4msr.config.command_line import convert, parse_options
    from recbole_llm4msr.pipeline.activation import activated

    options, others = parse_options(arguments)
    if not activated():  # else the calling program may have registered models of its own
        check_options(options, others)
    from recbole_llm4msr.quick_start import run

    launch = {
        key: convert(options[key])
        for key in ("nproc", "world_size", "ip", "group_offset", "oversubscribe")
        if key in options
    }
    if "port" in options:
        launch["port"] = options["port"]  # RecBole joins it to an address as a text
    files = options.get("config_files", "").split()
    model, dataset = options.get("model"), options.get("dataset")
    run(model, dataset, files, command_line=arguments, **launch)


def _command(name: str, arguments: list[str]) -> None:
    """Run a typer application under its name."""
    if name == "convert":
        from dataset_converters.cli import app
    elif name == "knowledge":
        from recbole_llm4msr.cli.knowledge import app
    elif name == "tune":
        from recbole_llm4msr.cli.benchmark import tune_app as app
    elif name == "export":
        from recbole_llm4msr.cli.export import app
    elif name == "predict":
        from recbole_llm4msr.cli.predict import app
    elif name == "recommend":
        from recbole_llm4msr.cli.recommend import app
    elif name == "serve":
        from recbole_llm4msr.cli.serve import app
    else:
        from recbole_llm4msr.cli.benchmark import benchmark_app as app
    app(arguments, prog_name=f"recbole-llm4msr {name}")
