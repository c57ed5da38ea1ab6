"""Run the command line: ``python -m dataset_converters``."""

from dataset_converters.cli import app

if __name__ == "__main__":
    app(prog_name="python -m dataset_converters")
