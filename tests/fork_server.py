"""Import libraries once, then fork for every program; see ``fresh_process.py``."""

from __future__ import annotations

import atexit
import importlib
import json
import os
import sys
import traceback

#: Libraries of RecBole and of this package. Not polars: a fork must not inherit its threads.
LIBRARIES = "torch pandas scipy.stats sklearn.metrics torch.utils.tensorboard rich.live"


def _serve() -> None:
    """Fork for every line of standard input; write number and exit status of what has ended."""
    sys.path.pop(0)  # the folder of this file
    exec(sys.argv[1], {"__name__": "preamble"})
    for library in LIBRARIES.split():
        importlib.import_module(library)
    for line in sys.stdin:
        if os.fork() == 0:  # waits for the program, while the server takes the next request
            request = json.loads(line)
            program = os.fork()
            if program == 0:
                _execute(request)
            status = os.waitstatus_to_exitcode(os.waitpid(program, 0)[1])
            os.write(1, f"{request['number']} {status}\n".encode())
            os._exit(0)


def _execute(request: dict) -> None:
    for descriptor, file in zip((1, 2), request["streams"], strict=True):
        os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), descriptor)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.chdir(request["cwd"])
    sys.path[:0] = request["path"]
    sys.argv[:] = ["-c", *request["arguments"]]
    status = 0
    try:
        exec(compile(request["program"], "<program>", "exec"), {"__name__": "__main__"})
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
        status = 1
    finally:
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


if __name__ == "__main__":
    _serve()
