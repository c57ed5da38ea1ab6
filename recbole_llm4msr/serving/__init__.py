"""What a trained model is used through, without RecBole, torch or training data.

Only :mod:`recbole_llm4msr.serving.export`, which writes the folder that the rest reads, needs them.
"""

from recbole_llm4msr.serving.artefact import Artefact
from recbole_llm4msr.serving.errors import ArtefactError, ExportError, InputError
from recbole_llm4msr.serving.predict_file import predict_file
from recbole_llm4msr.serving.scorer import Scorer

__all__ = ["Artefact", "ArtefactError", "ExportError", "InputError", "Scorer", "predict_file"]
