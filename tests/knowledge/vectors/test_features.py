"""Knowledge as plain features: RecBole's own models train on it."""

import numpy as np
import pytest
import torch

import recbole_llm4msr as ours
from recbole_llm4msr.knowledge import Knowledge, KnowledgeError, prepare_knowledge
from recbole_llm4msr.knowledge.vectors.features import attach_features, knowledge_fields


@pytest.fixture
def knowledge():
    vectors = torch.randn(9, 4, generator=torch.Generator().manual_seed(0))
    own = torch.tensor([False, True, True, True, True, False, True])
    return Knowledge(vectors, torch.zeros(2, 1), None, None, own, "f", "s")


def test_columns(knowledge):
    columns = knowledge_fields(knowledge, "pca:2", 0)
    assert list(columns) == ["knowledge_0", "knowledge_1"]
    np.testing.assert_array_equal(columns["knowledge_1"], knowledge.user[:, 1].numpy())
    (cluster,) = knowledge_fields(knowledge, "kmeans:3", 0).values()
    assert cluster[0] == 0
    assert set(cluster[1:]) <= {1, 2, 3}
    assert (cluster == knowledge_fields(knowledge, "kmeans:3", 0)["knowledge_cluster"]).all()


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("pca", "neither"),
        ("pca:0", "neither"),
        ("tree:3", "neither"),
        ("pca:5", "raise knowledge_size"),
        ("kmeans:6", "users of their own"),
    ],
)
def test_wrong_specifications_are_refused(knowledge, spec, words):
    with pytest.raises(KnowledgeError, match=words):
        knowledge_fields(knowledge, spec, 0)


@pytest.mark.parametrize("spec", ["pca:4", "kmeans:8"])
@pytest.mark.parametrize("folds", [1, 2])
def test_deepfm_learns_from_it_on_real_data(spec, folds, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    settings = {
        "knowledge_path": str(tmp_path / "store"),
        "knowledge_size": 8,
        "knowledge_folds": folds,
        "knowledge_features": spec,
        "show_progress": False,
    }
    config = ours.Config("DeepFM", "ml-100k", config_dict=settings)
    loaders = ours.data_preparation(config, ours.create_dataset(config))
    train, *others = (loader.dataset for loader in loaders)
    found = prepare_knowledge(config, train.training_history())
    names = attach_features(train, others, found, spec, seed=0)
    assert attach_features(train, others, found, spec, seed=0) == names
    model = ours.get_model("DeepFM")(config, train).to(config["device"])
    fields = model.float_field_names if spec.startswith("pca") else model.token_field_names
    assert set(names) <= set(fields)
    batch = next(iter(loaders[0]))
    loss = model.calculate_loss(batch)
    loss.backward()
    table = model.float_embedding_table if spec.startswith("pca") else model.token_embedding_table
    gradient = table.embedding.weight.grad
    if spec.startswith("pca"):
        assert gradient.abs().sum() > 0
    assert torch.isfinite(model.predict(next(iter(loaders[1]))[0])).all()
    # Every row carries what belongs to it: its user, or its fold in training.
    columns = knowledge_fields(found, spec, 0)
    for split in (train, *others):
        rows = split[torch.arange(50)]
        at = rows["user_id"]
        if folds > 1 and split is train:
            at = found.train_index[:50]
        values = rows[names[0]] if spec.startswith("kmeans") else rows[names[0]][:, 0]
        np.testing.assert_array_equal(values.numpy(), columns[names[0]][at.numpy()])
