"""RecBole's Config with this package's defaults, and with unknown keys and wrong types refused."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from recbole.config import Config as RecBoleConfig
from recbole.evaluator import metric_types
from recbole.utils import EvaluatorType, ModelType
from recbole.utils.argument_list import dataset_arguments

from recbole_llm4msr.config.checks import (
    ConfigError,
    check_device,
    check_evaluation,
    check_metrics,
    check_training,
    use_given_data,
    whole_eval_args,
)
from recbole_llm4msr.config.known_keys import properties_folder, recboles_files
from recbole_llm4msr.config.reading import LAUNCH_KEYS, WrittenSettings, read_yaml
from recbole_llm4msr.config.refused_settings import refuse_unknown_keys, refuse_wrong_values
from recbole_llm4msr.config.settings_without_effect import check_effects, settle_knowledge
from recbole_llm4msr.knowledge.vectors.features import numerical_fields
from recbole_llm4msr.model import LLM4MSR, MultiScenarioRecommender, backbone_of, get_model
from recbole_llm4msr.model.llm4msr import reads_knowledge
from recbole_llm4msr.util.collectives import before_process_group
from recbole_llm4msr.util.missing_dataset import missing_dataset

__all__ = ["LAUNCH_KEYS", "Config", "ConfigError"]

#: Data set keys beyond RecBole's: a saved data set is only re-used when they agree too.
_DATASET_KEYS = ("SCENARIO_FIELD", "scenario_from", "eval_args")


class Config(WrittenSettings, RecBoleConfig):
    """Configuration of a run, read like RecBole's and from the same four places.

    Later ones win: RecBole's defaults < ``properties/overall.yaml`` and ``knowledge.yaml`` <
    ``properties/model`` < ``properties/dataset`` < the data set's own ``<name>.yaml`` < config
    files < ``config_dict`` < command line < the arguments.

    Args:
        model: Name or class of the model; where left out, a file, ``config_dict`` or the command
            line names it.
        dataset: Name of the data set; where left out, as for the model.
        config_file_list: Configuration files, later ones winning.
        config_dict: Settings that win over the files.
        command_line: Arguments ``--key=value`` without the program's name; every one must be an
            option. ``None`` reads ``sys.argv``, as RecBole does; ``[]`` reads no command line.

    Raises:
        ConfigError: A key is unknown, a setting contradicts another, or has no effect in this run.
        ValueError: There is no such model.
    """

    def __init__(
        self,
        model: str | type | None = None,
        dataset: str | None = None,
        config_file_list: list[str] | None = None,
        config_dict: dict[str, Any] | None = None,
        command_line: Sequence[str] | None = None,
    ) -> None:
        WrittenSettings.__init__(self, command_line)
        with self.naming_places():
            RecBoleConfig.__init__(self, model, dataset, config_file_list, config_dict)

    # -- reading ---------------------------------------------------------------------------------

    def _init_parameters_category(self) -> None:
        super()._init_parameters_category()
        for key in _DATASET_KEYS:
            if key not in dataset_arguments:  # RecBole's list, which `create_dataset` compares
                dataset_arguments.append(key)

    def _get_model_and_dataset(self, model, dataset) -> tuple[str, type, str]:
        model = self.external_config_dict.get("model") if model is None else model
        if isinstance(model, str):
            name, model, dataset = super()._get_model_and_dataset(get_model(model), dataset)
            return name, model, dataset
        return super()._get_model_and_dataset(model, dataset)

    def _load_internal_config_dict(self, model: str, model_class: type, dataset: str) -> None:
        super()._load_internal_config_dict(model, model_class, dataset)
        if model_class.type == ModelType.CONTEXT:
            own = self._own_files(model, model_class, dataset)
            for file in own:
                self.internal_config_dict.update(read_yaml(file, self.yaml_loader))
            refuse_wrong_values(self, [*recboles_files(model), *own])
        else:  # the comments of those models' files do not always say the type
            refuse_wrong_values(self, [])
        refuse_unknown_keys(self, model_class)

    def _own_files(self, model: str, model_class: type, dataset: str) -> list[Path]:
        """The yaml files of this package and of the data set's folder, weakest first."""
        properties = properties_folder()
        files = [properties / "overall.yaml", properties / "knowledge.yaml"]
        backbone = backbone_of(model_class)
        if backbone is not None:
            # A subclass without a file of its own starts from that of its parent.
            by_name = [properties / "model" / f"{of.__name__}.yaml" for of in backbone.__mro__]
            own = [file for file in (backbone.config_file, *by_name) if file and file.is_file()]
            files += own[:1]
        if issubclass(model_class, LLM4MSR):
            files += [properties / "model" / "LLM4MSR.yaml", properties / "model" / f"{model}.yaml"]
        files.append(properties / "dataset" / f"{dataset}.yaml")
        data_path = self.external_config_dict.get(
            "data_path", self.internal_config_dict["data_path"]
        )
        if not isinstance(data_path, str | Path):
            raise ConfigError(
                f"data_path: {data_path!r} is not a folder; leave it out for `dataset/`"
            )
        if len(Path(dataset).parts) > 1:
            raise missing_dataset(dataset, Path(data_path) / dataset)
        own = Path(data_path) / dataset / f"{dataset}.yaml"
        files.append(own)
        if own.is_file():
            self.add_weakest_place(str(own), read_yaml(own, self.yaml_loader))
        return [file for file in files if file.is_file()]

    # -- checks ----------------------------------------------------------------------------------

    @property
    def multi_scenario(self) -> bool:
        """Whether this run has scenarios: a context-aware model and a ``SCENARIO_FIELD``."""
        return self["MODEL_TYPE"] == ModelType.CONTEXT and bool(self["SCENARIO_FIELD"])

    @property
    def uses_knowledge(self) -> bool:
        """Whether this run reads knowledge: in a meta level of LLM4MSR, or as plain features."""
        if self["knowledge_features"] and self.multi_scenario:
            return True
        return issubclass(self.model_class, LLM4MSR) and reads_knowledge(self)

    @property
    def knowledge_fields(self) -> list[str]:
        """Names of the numerical fields that ``knowledge_features`` adds to the data set."""
        if not self["knowledge_features"] or not self.multi_scenario:
            return []
        return numerical_fields(self["knowledge_features"])

    def _get_final_config_dict(self) -> dict[str, Any]:
        final = super()._get_final_config_dict()
        if final["MODEL_TYPE"] != ModelType.CONTEXT:
            return final
        given = self.external_config_dict.get("eval_args")
        if isinstance(given, dict):
            final["eval_args"] = whole_eval_args(given, self.internal_config_dict["eval_args"])
        settle_knowledge(self, final)
        wanted = (self.model_class, final.get("SCENARIO_FIELD"))
        if issubclass(wanted[0], LLM4MSR | MultiScenarioRecommender) and not wanted[1]:
            raise ConfigError(f"{self.model} needs scenarios: set SCENARIO_FIELD")
        return final

    def _init_device(self) -> None:
        """Choose the device as RecBole does; several processes without a GPU use gloo.

        RecBole 1.2.1 knows several processes on NVIDIA devices only.
        """
        final = self.final_config_dict
        if "local_rank" in final:
            before_process_group()
        if "local_rank" not in final or (final["use_gpu"] and torch.cuda.is_available()):
            super()._init_device()
            check_device(self)
            return
        rank = final["local_rank"]
        torch.distributed.init_process_group(
            "gloo",
            rank=rank + final["offset"],
            world_size=final["world_size"],
            init_method=f"tcp://{final['ip']}:{final['port']}",
        )
        final |= {"device": torch.device("cpu"), "single_spec": False, "gpu_id": ""}
        if rank != 0:
            final |= {"state": "error", "show_progress": False, "verbose": False}

    def _set_default_parameters(self) -> None:
        """Run RecBole's checks without ``GAUC``, which RecBole knows as a ranking metric only.

        Here it is computed from the scores of labelled rows, like AUC.
        """
        final = self.final_config_dict
        metrics = [final["metrics"]] if isinstance(final["metrics"], str) else final["metrics"]
        check_metrics(metrics, final["valid_metric"])
        by_value = [m for m in metrics if m.lower() != "gauc"]
        is_value = all(metric_types[m.lower()] == EvaluatorType.VALUE for m in by_value)
        hides_gauc = final["MODEL_TYPE"] == ModelType.CONTEXT and is_value
        if hides_gauc:
            final["metrics"] = by_value or ["AUC"]
        try:
            super()._set_default_parameters()
        except NotImplementedError as error:  # mode full with metrics of rows
            raise ConfigError(f"eval_args, metrics: {error}") from error
        if hides_gauc:
            final["metrics"] = list(metrics)
        if self.knowledge_fields:  # which RecBole's models look for among these
            final["numerical_features"] = [*final["numerical_features"], *self.knowledge_fields]
        use_given_data(self)
        check_evaluation(self)
        check_training(self)
        check_effects(self)
