"""Study files: how they are read, and which are refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from recbole.model import context_aware_recommender

from recbole_llm4msr.evaluation.benchmark.execution import (
    count_runs,
)
from recbole_llm4msr.evaluation.benchmark.plan import (
    Entry,
    Study,
    StudyError,
    from_models,
    read_study,
    with_baseline,
)
from recbole_llm4msr.model import registered_models

STUDY = """
dataset: toy
seeds: 2
settings: {embedding_size: 4}
tune: 1
space: {learning_rate: [0.01]}
runs:
  STAR:
  LLM4MSR_STAR: {baseline: STAR}
  no user level:
    model: LLM4MSR_STAR
    settings: {use_user_meta: False}
    baseline: LLM4MSR_STAR
    tuned_as: LLM4MSR_STAR
"""


def test_read_study_file(tmp_path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(STUDY)
    study = read_study(path)
    assert (study.dataset, study.seeds, study.tune) == ("toy", (2020, 2021), 1)
    assert study.entries == (
        Entry("STAR", "STAR"),
        Entry("LLM4MSR_STAR", "LLM4MSR_STAR", baseline="STAR"),
        Entry(
            "no user level",
            "LLM4MSR_STAR",
            {"use_user_meta": False},
            "LLM4MSR_STAR",
            "LLM4MSR_STAR",
        ),
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("dataset: toy", "dataset: toy\nsedes: 3"), "unknown key 'sedes': did you mean seeds"),
        (("embedding_size", "embeding_size"), "'embeding_size': did you mean embedding_size"),
        (("use_user_meta", "use_usr_meta"), "did you mean use_user_meta"),
        (("baseline: STAR", "baseline: STRA"), "baseline 'STRA' is not among STAR"),
        (("seeds: 2", "seeds: many"), "'many' is neither a number"),
        (("dataset: toy\n", ""), "dataset missing"),
        (("space: {learning_rate: [0.01]}\n", ""), "nothing to search"),
        (("  STAR:", "  STAR: {"), "not valid yaml"),
        (("  STAR:", "  STAR: MMoE"), "STAR: expected `key: value` .* got 'MMoE'"),
        (("model: LLM4MSR_STAR", "model: LLM4MSR_STARR"), "there is no model 'LLM4MSR_STARR'"),
        (("{learning_rate: [0.01]}", "{learning_rate: 0.01}"), "expected a list of values, got 0"),
        (("{learning_rate: [0.01]}", "[learning_rate]"), "space: expected lists of values by key"),
        (("{embedding_size: 4}", "[1]"), r"settings: expected `key: value`, got \[1\]"),
        (("seeds: 2", "seeds: [1, 2, 1]"), "a seed must not be there twice"),
        (("embedding_size: 4", "seed: 4"), "'seed' is not set here"),
        (("embedding_size: 4", "config_files: a.yaml"), "'config_files' is not set here"),
        (("embedding_size: 4", "nproc: 2"), "'nproc' is not set here: a run is one process"),
        (("model: LLM4MSR_STAR", "model: 3"), "model: 3 is not a name of a model"),
        (("tune: 1", "tune: '1'"), "tune: '1' is not a number of trials"),
        (("runs:\n", "runs:\nsettings: {}\nold:\n"), "unknown key 'old'"),
        (
            ("  STAR:", "  STAR: {space: {dropout_probs: [0.1]}}"),
            "'dropout_probs' is not an option of",
        ),
    ],
)
def test_invalid_study_file_is_an_error_with_its_name(tmp_path, change, message) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(STUDY.replace(*change, 1))
    with pytest.raises(StudyError, match=message) as raised:
        read_study(path)
    assert str(path) in str(raised.value)


def test_unknown_key_passes_with_allow_unknown_keys() -> None:
    with pytest.raises(StudyError, match="unknown key 'my_key'"):
        Study("toy", (Entry("STAR", "STAR"),), settings={"my_key": 1})
    Study("toy", (Entry("STAR", "STAR"),), settings={"my_key": 1, "allow_unknown_keys": True})


def test_llm4msr_models_are_compared_with_their_backbone() -> None:
    study = from_models(["STAR", "LLM4MSR_STAR", "LLM4MSR_MMoE", "DeepFM"], dataset="toy")
    assert [entry.baseline for entry in study.entries] == [None, "STAR", None, None]
    study = with_baseline(study, "DeepFM")
    assert [entry.baseline for entry in study.entries] == ["DeepFM"] * 3 + [None]


def test_two_entries_with_the_same_label_are_refused() -> None:
    with pytest.raises(StudyError, match="STAR: named twice"):
        Study("toy", (Entry("STAR", "STAR"), Entry("STAR", "MMoE")))


def test_only_options_of_the_model_are_searched() -> None:
    space = {"learning_rate": [0.1, 0.2], "dropout_prob": [0.0, 0.5]}
    own = {"dropout_probs": [[0.0, 0.0, 0.0], [0.2, 0.2, 0.2]]}
    entries = (
        Entry("STAR", "STAR"),
        Entry("AutoInt", "AutoInt"),  # RecBole's AutoInt has a list of dropout probabilities
        Entry("AutoInt, its own", "AutoInt", space=own),
    )
    study = Study("toy", entries, tune=9, space=space)
    Study("toy", (Entry("FM", "FM", {"alias_of_author_id": ["seen"]}),))  # an option of every model
    assert study.space_of(entries[0]) == space
    assert study.space_of(entries[1]) == {"learning_rate": [0.1, 0.2]}
    assert study.space_of(entries[2]) == own
    assert count_runs(study) == 4 + 2 + 2 + 3


BENCHMARKS = Path(__file__).parents[4] / "benchmarks"


STUDIES = [BENCHMARKS / "paper.yaml", *sorted((BENCHMARKS / "studies").glob("*.yaml"))]


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_every_study_in_benchmarks_can_be_read(path) -> None:
    known = registered_models()
    for entry in read_study(path).entries:
        assert entry.model in known or hasattr(context_aware_recommender, entry.model), entry
