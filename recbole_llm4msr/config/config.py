"""RecBole's Config with this package's defaults, and with unknown keys and wrong types refused."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from logging import getLogger
from pathlib import Path
from typing import Any

import torch
import yaml
from recbole.config import Config as RecBoleConfig
from recbole.evaluator import metric_types
from recbole.utils import EvaluatorType, ModelType
from recbole.utils.argument_list import dataset_arguments

from recbole_llm4msr.config.checks import (
    ConfigError,
    check_evaluation,
    check_metrics,
    use_given_data,
    whole_eval_args,
)
from recbole_llm4msr.config.command_line import convert, is_own_program, parse_options
from recbole_llm4msr.config.keys import (
    keys_of,
    known_keys,
    properties_folder,
    recboles_files,
    unknown_keys,
)
from recbole_llm4msr.config.places import WrittenPlaces
from recbole_llm4msr.config.settings_without_effect import check_effects, settle_knowledge
from recbole_llm4msr.config.value_types import options_of, type_error
from recbole_llm4msr.knowledge.vectors.features import numerical_fields
from recbole_llm4msr.model import LLM4MSR, MultiScenarioRecommender, backbone_of, get_model
from recbole_llm4msr.model.llm4msr import reads_knowledge
from recbole_llm4msr.util.collectives import before_process_group

#: Keys of the command that starts a run; they say where to run, not what.
LAUNCH_KEYS = ("config_files", "nproc", "ip", "port", "world_size", "group_offset")

#: Data set keys beyond RecBole's: a saved data set is only re-used when they agree too.
_DATASET_KEYS = ("SCENARIO_FIELD", "scenario_from", "eval_args")


class Config(WrittenPlaces, RecBoleConfig):
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
        WrittenPlaces.__init__(self)
        self._command_line = None if command_line is None else list(command_line)
        RecBoleConfig.__init__(self, model, dataset, config_file_list, config_dict)

    # -- reading ---------------------------------------------------------------------------------

    def _init_parameters_category(self) -> None:
        super()._init_parameters_category()
        for key in _DATASET_KEYS:
            if key not in dataset_arguments:  # RecBole's list, which `create_dataset` compares
                dataset_arguments.append(key)

    def _load_config_files(self, file_list: list[str] | None) -> dict[str, Any]:
        filled = []  # RecBole fails on a file that says nothing
        for file in file_list or []:
            given = self._read_yaml(Path(file))
            self.add_place(str(file), given)
            filled += [file] if given else []
        return super()._load_config_files(filled)

    def _load_variable_config_dict(self, config_dict: dict[str, Any] | None) -> dict[str, Any]:
        self.add_place("config_dict", config_dict or {})
        return super()._load_variable_config_dict(dict(config_dict or {}))

    def _load_cmd_line(self) -> dict[str, Any]:
        given = self._command_line
        if given is None and "ipykernel_launcher" in sys.argv[0]:
            return {}
        options, others = parse_options(sys.argv[1:] if given is None else given)
        if given is not None or is_own_program():
            if others:
                raise ConfigError(
                    f"command line: {' '.join(others)!r} is not an option; write --key=value"
                )
        else:
            options = {key: value for key, value in options.items() if key in known_keys()}
        for key in LAUNCH_KEYS:
            options.pop(key, None)
        self.add_place("command line", options)
        return self._convert_config_dict(options)

    def _convert_config_dict(self, config_dict: dict[str, Any]) -> dict[str, Any]:
        return {key: convert(value) for key, value in config_dict.items()}

    def _read_yaml(self, file: Path) -> dict[str, Any]:
        try:
            content = yaml.load(file.read_text(encoding="utf-8"), Loader=self.yaml_loader)
        except FileNotFoundError as error:
            raise ConfigError(f"{file}: there is no such configuration file") from error
        except yaml.YAMLError as error:
            raise ConfigError(f"{file}: not valid yaml: {error}") from error
        if not isinstance(content or {}, dict):
            raise ConfigError(f"{file}: expected lines of `key: value`")
        return content or {}

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
                self.internal_config_dict.update(self._read_yaml(file))
            self._refuse_wrong_types([*recboles_files(model), *own])
        self._refuse_unknown_keys(model_class)

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
        own = Path(data_path) / dataset / f"{dataset}.yaml"
        files.append(own)
        if own.is_file():
            self.add_weakest_place(str(own), self._read_yaml(own))
        return [file for file in files if file.is_file()]

    def _refuse_unknown_keys(self, model_class: type) -> None:
        known = known_keys() | set(self._keys_of_foreign_backbone(model_class))
        unknown = unknown_keys(self._sources, known)
        on_command_line = {key for key, of in self._sources.items() if of == "command line"}
        unread = on_command_line - keys_of(self.model) - set(unknown)
        if model_class.type == ModelType.CONTEXT and unread:
            getLogger().warning("%s is not an option of %s", ", ".join(sorted(unread)), self.model)
        if not unknown or self.external_config_dict.get("allow_unknown_keys"):
            return
        lines = [
            f"  {key} ({self._sources[key]})" + (f": did you mean {near}?" if near else "")
            for key, near in unknown.items()
        ]
        raise ConfigError(
            "unknown configuration keys:\n" + "\n".join(lines) + "\n"
            "A key that your own code reads passes with `allow_unknown_keys: True`."
        )

    def _refuse_wrong_types(self, files: list[Path]) -> None:
        for key, option in options_of(files).items():
            value = self.external_config_dict.get(key)
            wanted = type_error(value, option)
            if wanted:
                raise ConfigError(f"{key} ({self._sources[key]}): {value!r} is not {wanted}")

    def _keys_of_foreign_backbone(self, model_class: type) -> dict[str, Any]:
        backbone = backbone_of(model_class)
        if backbone is None or backbone.config_file is None:
            return {}
        return self._read_yaml(Path(backbone.config_file))

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
        check_effects(self)
