"""Fields that cannot be exported are refused with the reason."""

from __future__ import annotations

import pytest

from recbole_llm4msr import Config, create_dataset, data_preparation, get_model
from recbole_llm4msr.serving.errors import ExportError
from recbole_llm4msr.serving.export.model_fields import model_fields
from tests.toy import toy_settings


@pytest.mark.parametrize("features", ["pca:3", "kmeans:4"])
@pytest.mark.parametrize("folds", [1, 3])
def test_features_of_knowledge_that_belong_to_folds_are_refused(
    toy, tmp_path, features, folds
) -> None:
    settings = toy_settings(tmp_path, knowledge_features=features, knowledge_folds=folds)
    config = Config("FM", "toy", config_dict=settings)
    train = data_preparation(config, create_dataset(config))[0].dataset
    model = get_model("FM")(config, train)
    if folds > 1:
        with pytest.raises(ExportError, match="knowledge_features with knowledge_folds: the field"):
            model_fields(model, train)
    else:
        sides = {f.name: f.source for f in model_fields(model, train)}
        assert {sides[name] for name in sides if name.startswith("knowledge_")} == {"user"}
