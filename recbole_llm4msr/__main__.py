"""``python -m recbole_llm4msr``."""

from recbole_llm4msr.cli.main import main

__all__ = ["main"]

if __name__ == "__main__":
    main()
