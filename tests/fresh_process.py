"""Fresh processes by fork: libraries are imported once, RecBole and this package in each process.

Importing torch, pandas and scikit-learn takes seconds. A server process (``fork_server.py``)
imports them and is forked for every program, which then imports RecBole and ``recbole_llm4msr`` as
a new interpreter does.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import recbole_llm4msr

ROOT = Path(recbole_llm4msr.__file__).parents[1]

SERVER = Path(__file__).with_name("fork_server.py")

#: The program of ``python -m recbole_llm4msr``.
RUN_MODULE = "import runpy; runpy.run_module('recbole_llm4msr', run_name='__main__')"


@dataclass
class ForkServer:
    """A process with imported libraries, forked for every program.

    Args:
        preamble: Program that the server runs before it imports the libraries.
    """

    preamble: str = ""
    _numbers: count = field(default_factory=count)
    _ended: dict[int, int] = field(default_factory=dict)

    def __enter__(self) -> ForkServer:
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
        self._server = subprocess.Popen(
            [sys.executable, "-W", "ignore", SERVER, self.preamble],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._server.communicate()

    def start(
        self,
        program: str,
        *arguments: object,
        cwd: Path | None = None,
        path: Iterable[Path] = (),
        output: Path,
    ) -> int:
        """Start a program; return the number to wait for.

        Args:
            program: Python code, run as ``__main__``.
            arguments: ``sys.argv[1:]``.
            cwd: Its current folder; by default that of this process.
            path: Folders to put in front of ``sys.path``.
            output: Folder, which exists, for the files of its standard output and error.
        """
        number = next(self._numbers)
        request = {
            "number": number,
            "program": program,
            "arguments": list(map(str, arguments)),
            "cwd": str(cwd or Path.cwd()),
            "path": list(map(str, path)),
            "streams": [str(output / f"{number}.stdout"), str(output / f"{number}.stderr")],
        }
        self._server.stdin.write(json.dumps(request) + "\n")
        self._server.stdin.flush()
        return number

    def wait(self, number: int, output: Path) -> subprocess.CompletedProcess[str]:
        """Wait for a started program; return its exit status and output."""
        while number not in self._ended:
            line = self._server.stdout.readline()
            assert line, "the server has ended"
            ended, status = map(int, line.split())
            self._ended[ended] = status
        stdout, stderr = (
            (output / f"{number}.{name}").read_text(encoding="utf-8")
            for name in ("stdout", "stderr")
        )
        return subprocess.CompletedProcess([], self._ended.pop(number), stdout, stderr)

    def run(self, program: str, *arguments: object, output: Path, **where: object):
        """Run a program to its end, see :meth:`start`."""
        return self.wait(self.start(program, *arguments, output=output, **where), output)
