"""The ONNX graphs of an artefact, run by onnxruntime."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from recbole_llm4msr.serving.artefact import Artefact
from recbole_llm4msr.serving.errors import ArtefactError, MissingPackageError

#: Input of a graph with what was generated for the users of its rows, and its one output.
USER_LAYER, SCORE = "user_layer", "score"


class Graphs:
    """Opens a graph when it is first needed, and keeps it.

    An artefact has a graph for each of its scenarios, or, where it has many, one for all of them.

    Args:
        artefact: The exported model.
    """

    def __init__(self, artefact: Artefact) -> None:
        self._artefact = artefact
        # The session and the names of its inputs: one entry, since threads share this.
        self._sessions: dict[str, tuple[Any, set[str]]] = {}

    @property
    def by_scenario(self) -> list[dict[str, str]]:
        """Files of the graphs of each scenario; empty where one graph is for all of them."""
        return self._artefact.manifest["graphs"]["by_scenario"]

    def run(self, scenario: int, inputs: dict[str, np.ndarray], *, one_user: bool) -> np.ndarray:
        """Score rows of one scenario, ``(B,)`` float32.

        Args:
            scenario: Scenario of all rows, ``0 .. S - 1``.
            inputs: Columns by name; those that the graph does not read are left out.
            one_user: Whether all rows are of one user: its layer is then ``(1, n)``.
        """
        graphs = self._artefact.manifest["graphs"]
        of_scenario = self.by_scenario[scenario] if self.by_scenario else graphs["all"]
        name = of_scenario["one_user" if one_user and "one_user" in of_scenario else "rows"]
        session, wanted = self._session(name)
        if one_user and "one_user" not in of_scenario and USER_LAYER in inputs:
            n_rows = len(next(v for k, v in inputs.items() if k != USER_LAYER))
            inputs = {**inputs, USER_LAYER: np.repeat(inputs[USER_LAYER], n_rows, axis=0)}
        return session.run([SCORE], {k: v for k, v in inputs.items() if k in wanted})[0]

    def _session(self, name: str) -> tuple[Any, set[str]]:
        if name not in self._sessions:
            session = open_graph(self._artefact.folder / name)
            self._sessions[name] = session, {entry.name for entry in session.get_inputs()}
        return self._sessions[name]


def open_graph(path: Path) -> Any:
    """Open an ONNX file, to be run by one thread a call.

    Raises:
        MissingPackageError: onnxruntime is not installed.
        ArtefactError: The file cannot be read.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingPackageError(
            "onnxruntime is not installed; run: pip install 'recbole_llm4msr[serve]'"
        ) from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors, which are raised
    try:
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise ArtefactError(f"{path}: onnxruntime cannot read it: {error}") from error
