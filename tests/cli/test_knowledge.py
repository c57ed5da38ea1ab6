"""The command ``knowledge`` on ml-100k, and on stores written by the tests."""

import json
import re

import numpy as np
import polars as pl
import pytest
import torch
from typer.testing import CliRunner

from recbole_llm4msr.cli.knowledge import app
from recbole_llm4msr.knowledge import KnowledgeError, prepare_knowledge
from recbole_llm4msr.knowledge.encoders.lsa import LsaEncoder
from recbole_llm4msr.knowledge.store.export import export_users


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Return a function that runs a command in an empty folder: exit code and output."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "300")

    def command(*arguments):
        result = CliRunner().invoke(app, [str(a) for a in arguments])
        assert result.exception is None or isinstance(result.exception, SystemExit)
        return result.exit_code, re.sub(r"\s+", " ", result.output)

    return command


def test_build_inspect_list_verify_export_on_real_data(run, tmp_path):
    code, said = run("build", "--dataset=ml-100k", "--knowledge_size=16")
    assert code == 0, said
    assert "made 94" in said
    assert "16 wide" in said
    assert "942 users with a prompt of their own" in said
    assert "store dataset/ml-100k/knowledge" in said
    code, said = run("build", "--dataset", "ml-100k", "--knowledge_size", "16")
    assert "re-used all" in said

    code, said = run("inspect", "--dataset=ml-100k", "--knowledge_size=16", "--user=196")
    assert code == 0, said
    assert "user 196:" in said
    assert "in the store" in said
    code, said = run("inspect", "--dataset=ml-100k", "--user=nobody")
    assert (code, "no such user" in said) == (1, True)
    code, said = run("inspect", "--dataset=ml-100k", "--scenario=search")
    assert (code, "the scenarios are 0-24" in said) == (1, True)

    code, said = run("list", "--dataset=ml-100k")
    assert code == 0, said
    assert "lsa" in said
    assert "942" in said
    assert (
        run("verify", "--dataset=ml-100k")[1] == "9 files, 0 damaged "
    )  # two encoders with two chunks or one and their records, prepared

    code, said = run(
        "export",
        "--dataset=ml-100k",
        "--knowledge_size=16",
        "--format=parquet",
        "--output=a.parquet",
    )
    assert code == 0, said
    assert pl.read_parquet(tmp_path / "a.parquet").height == 943


def test_inspect_counts_the_special_tokens_of_a_prompt(run, monkeypatch):
    def tokens() -> int:
        code, said = run("inspect", "--dataset=ml-100k", "--user=196")
        assert code == 0, said
        return int(re.search(r"user 196: (\d+) tokens", said)[1])

    words = tokens()
    with_special = lambda encoder, prompts: encoder.count_tokens(prompts) + 2  # noqa: E731
    monkeypatch.setattr(LsaEncoder, "prompt_tokens", with_special)
    assert tokens() == words + 2


def test_audit_ends_with_1_where_a_label_leaks(run, tmp_path):
    code, said = run("audit", "--dataset=ml-100k", "--json=a.json")
    assert code == 1, said
    assert "set knowledge_folds: 5" in re.sub(r"[\s│]+", " ", said)
    found = json.loads((tmp_path / "a.json").read_text())
    assert found["leak"] is True
    assert found["findings"][1]["figures"]["1"]["auc"] > 0.55
    code, said = run("audit", "--dataset=ml-100k", "--knowledge_folds=5", "--json=a.json")
    assert code == 0, said
    assert json.loads((tmp_path / "a.json").read_text())["leak"] is False
    assert not list(tmp_path.rglob("*.safetensors"))
    code, said = run("audit", "--dataset=ml-100k", "--knowledge=none")
    assert (code, "makes nothing" in said) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["build", "--dataset=ml-100k", "--knowlege_size=3"], "did you mean knowledge_size"),
        (["build", "--dataset=ml-100k", "--knowledge=none"], "makes nothing"),
        (["build", "--dataset=ml-100k", "--knowledge=lsa", "stray"], "'stray' is not an option"),
        (["build", "--dataset=ml-100k", "--llm=nobody/nothing"], "--knowledge=lsa"),
        (["list"], "--store FOLDER or --dataset NAME"),
        (["verify", "--store=missing"], "no such folder"),
        (["merge", "missing", "--into=all"], "not a knowledge store"),
        (["build", "--dataset=ml-100k", "--shards=2", "--shard=2"], "must be 0 to 1"),
        (["build", "--dataset=ml-100k", "--shard=3"], "must be 0 to 0"),
        (["build", "--dataset=ml-100k", "--config_files=no.yaml"], "no.yaml: there is no such"),
        (["list", "--dataset=ml-100k", "--config_files=no.yaml"], "no.yaml: there is no such"),
        (["verify", "--store=."], "not a knowledge store"),
        (["export", "--dataset=ml-100k", "--format=csv", "--output=f"], "is not one of useremb"),
    ],
)
def test_user_errors_end_with_one_message(run, arguments, words):
    code, said = run(*arguments)
    assert code == 1, said
    assert words in said
    assert "Traceback" not in said


def test_shards_in_two_stores_merge_into_one(run, tmp_path):
    for shard in (0, 1):
        code, said = run(
            "build", "--dataset=ml-100k", f"--knowledge_path=part{shard}", "--shards=2",
            f"--shard={shard}",
        )  # fmt: skip
        assert code == 0, said
        assert f"shard {shard} of 2: made" in said
    code, said = run("merge", "part0", "part1", "--into=all")
    assert "3 chunks copied" in said
    assert "0 chunks copied to all, 3 were there" in run("merge", "part0", "part1", "--into=all")[1]
    code, said = run("build", "--dataset=ml-100k", "--knowledge_path=all")
    assert "made 0 vectors" in said


def test_verify_deletes_a_damaged_chunk_and_build_encodes_it_again(
    run, history, settings, tmp_path
):
    store = tmp_path / "store"
    before = prepare_knowledge(settings(), history)
    (path,) = (  # of the users; the scenarios have one of their own
        path
        for path in store.glob("vectors/*/*.safetensors")
        if json.loads(path.with_suffix(".json").read_text())["prompts"] == 4
    )
    content = bytearray(path.read_bytes())
    content[-1] ^= 255  # one number is another now; the file is still well-formed
    path.write_bytes(content)
    code, said = run("verify", f"--store={store}")
    assert (code, "not what its checksum says" in said) == (1, True)
    code, said = run("merge", store, "--into=other")
    assert (code, "checksum" in said) == (1, True)
    assert not (tmp_path / "other").exists()
    code, said = run("verify", f"--store={store}", "--delete")
    assert (code, "1 deleted" in said) == (0, True)
    assert run("verify", f"--store={store}")[0] == 0
    for file in (store / "prepared").iterdir():
        file.unlink()
    again = prepare_knowledge(settings(), history)
    assert "made 4 vectors" in again.summary
    assert torch.equal(before.user, again.user)


def test_list_and_verify_agree_on_what_is_damaged(run, history, settings, tmp_path):
    prepare_knowledge(settings(), history)
    store = tmp_path / "store"
    assert "damaged" not in run("list", f"--store={store}")[1]
    (manifest,) = (store / "prepared").glob("*.json")
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "more": 1}))
    identities = sorted(store.glob("vectors/*/encoder.json"))
    identities[0].write_text('{"encoder": "lsa"}')
    record = next(p for p in identities[1].parent.glob("*.json") if p != identities[1])
    record.write_text("{}")
    code, listed = run("list", f"--store={store}")
    assert code == 0, listed
    code, said = run("verify", f"--store={store}")
    assert (code, "3 damaged" in said) == (1, True)
    for path, fault in [
        (manifest, "not match its checksum"),
        (identities[0], "name of its folder"),
        (record, "missing: host, made"),
    ]:
        for printed in (listed, said):
            assert str(path) in printed
            assert fault in printed
    run("verify", f"--store={store}", "--delete")
    assert "made 0 vectors" in prepare_knowledge(settings(), history).summary
    assert "0 damaged" in run("verify", f"--store={store}")[1]


@pytest.mark.parametrize("damage", [lambda c: c[:50], lambda c: b"", lambda c: c[:-8]])
def test_verify_detects_truncated_files(run, history, settings, tmp_path, damage):
    prepare_knowledge(settings(), history)
    for path in (tmp_path / "store").rglob("*.safetensors"):
        path.write_bytes(damage(path.read_bytes()))
    code, said = run("verify", f"--store={tmp_path / 'store'}")
    assert (code, "3 damaged" in said) == (1, True)


def test_exports_hold_the_vectors_by_raw_token(history, settings, tmp_path):
    found = prepare_knowledge(settings(knowledge_folds=2), history)
    wanted = found.user[1:7].numpy()
    export_users(found, history, "npy", tmp_path / "a.npy")
    np.testing.assert_array_equal(np.load(tmp_path / "a.npy"), wanted)
    assert (tmp_path / "a.npy.users.txt").read_text().split() == history.users
    export_users(found, history, "parquet", tmp_path / "a.parquet")
    frame = pl.read_parquet(tmp_path / "a.parquet")
    assert frame["user"].to_list() == history.users
    np.testing.assert_array_equal(np.stack(frame["vector"].to_numpy()), wanted)
    assert frame["own"].to_list() == found.own[1:].tolist()
    export_users(found, history, "useremb", tmp_path / "a.useremb")
    head, *lines = (tmp_path / "a.useremb").read_text().splitlines()
    assert head == "uid:token\tuser_emb:float_seq"
    cells = [line.split("\t") for line in lines]
    assert [cell[0] for cell in cells] == history.users
    read = np.array([[float(n) for n in cell[1].split(" ")] for cell in cells])
    np.testing.assert_allclose(read, wanted, rtol=1e-4)
    with pytest.raises(KnowledgeError, match="useremb, npy, parquet"):
        export_users(found, history, "csv", tmp_path / "a.csv")
