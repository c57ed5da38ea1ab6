"""Mistakes of users: each command ends with one sentence that says what to change, or is told of.

A row has the arguments, the exit code and a pattern of what is printed. Commands that train do so
for one epoch on a few hundred rows; all run in this process.
"""

from __future__ import annotations

import logging
import re
from pathlib import Path

import pytest

from recbole_llm4msr.__main__ import main
from tests.toy import write_toy


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of data sets and files with one fault each."""
    folder = tmp_path_factory.mktemp("data")

    def variant(name: str, change=lambda text: text) -> Path:
        made = write_toy(folder, name, rows=300)
        inter = made / f"{name}.inter"
        inter.write_text(change(inter.read_text()))
        return made

    def first_lines(n: int):
        return lambda text: "".join(text.splitlines(keepends=True)[:n])

    variant("toy")
    variant("no_rows", first_lines(1))
    variant("one_row", first_lines(2))
    variant("three_rows", first_lines(4))
    variant("label_is_token", lambda text: text.replace("label:float", "label:token"))
    rated = variant("rated", lambda text: text.replace("label:float", "rating:float"))
    columns = "load_col: {inter: [user_id, item_id, scenario, rating, timestamp]}\n"
    (rated / "rated.yaml").write_text(columns)
    (variant("set_by_file") / "set_by_file.yaml").write_text("train_batch_size: 0\n")
    utf16 = variant("utf16") / "utf16.inter"
    utf16.write_bytes(utf16.read_text().encode("utf-16"))
    latin = variant("latin") / "latin.inter"
    latin.write_bytes(latin.read_bytes() + "u1\tü\tmail\t1\t7\n".encode("latin-1"))
    (variant("no_item") / "no_item.item").unlink()
    (folder / "no_item" / "no_item.yaml").write_text(
        "load_col: {inter: [user_id, item_id, scenario, label]}\nitem_text_fields: [title]\n"
    )
    (folder / "empty.yaml").write_text("")
    (folder / "wrong.yaml").write_text("dropout_prob: 1.0\n")
    (folder / "utf16.yaml").write_bytes("epochs: 1\n".encode("utf-16"))
    (folder / "file").write_text("")
    return folder


SHORT = (
    "--model=STAR --dataset=toy --data_path={data} --epochs=1 --embedding_size=4 --use_gpu=False "
    "--mlp_hidden_size=[8] --metrics=['AUC','LogLoss'] --state=WARNING"
)


def arguments(text: str | list[str], data: Path) -> list[str]:
    """The arguments of a row; those of ``SHORT`` come first where none names a command."""
    given = [part.replace("{data}", str(data)) for part in ([text] if text[:2] == "--" else text)]
    if not given[0].startswith("--") or given[0] in ("--version", "--help"):
        return given
    keys = {part.partition("=")[0] for part in given}
    short = [part.replace("{data}", str(data)) for part in SHORT.split()]
    return [part for part in short if part.partition("=")[0] not in keys] + given


def at_least(key: str, low: str) -> str:
    return rf"error: {key} \(command line\): .* has to be {low}"


REFUSED = {
    # commands and options
    "misspelt command": (["benchmrk", "--dataset=toy"], "no command 'benchmrk'. Did you mean bench"),
    "no such command": (["wash"], "there is no command 'wash'. Commands: convert"),
    "model misspelt": ("--model=STARR", "no model 'STARR'. Did you mean STAR"),
    "model of tune misspelt": (["tune", "--model=STARR", "--dataset=toy"], "Did you mean STAR"),
    "data set of tune misspelt": (
        ["tune", "--model=STAR", "--dataset=toi", "--data_path={data}"], "Did you mean toy",
    ),
    "data set of benchmark misspelt": (
        ["benchmark", "--models=STAR", "--dataset=toi", "--data_path={data}"], "Did you mean toy",
    ),
    "model without a library": ("--model=XGBoost", r"needs the package \w+, .*: pip install"),
    "log_wandb without wandb": ("--log_wandb=True", "pip install wandb"),
    "key misspelt": ("--data-path=x", "did you mean data_path"),
    # processes
    "nproc is a word": ("--nproc=two", "nproc: 'two' is not a number of processes"),
    "nproc is 0": ("--nproc=0", "nproc: 0 is not a number of processes"),
    "nproc above the cores": (
        "--nproc=4096", r"4096 processes share \d+ cores .* --oversubscribe=True",
    ),
    # mappings and their keys
    "threshold is no mapping": ("--threshold=4", r"threshold \(command line\): 4 is not a mapping"),
    "threshold is a text": (
        ["--dataset=rated", "--threshold={rating: '4'}"], "'4' is not a number.*command line",
    ),
    "load_col is no mapping": ("--load_col=4", r"load_col \(command line\): 4 is not a mapping"),
    "load_col of a suffix": ("--load_col={iter: [user_id]}", "no 'iter'; did you mean inter"),
    "key of eval_args": ("--eval_args={splt: {RS: [.8,.1,.1]}}", "no 'splt'; did you mean split"),
    "key of mode": ("--eval_args={mode: {vald: labeled}}", "mode: there is no 'vald'; did you"),
    "key of split": ("--eval_args={split: {RT: [.8,.1,.1]}}", "split: there is no 'RT'; there are RS"),
    "key of negatives": (
        "--train_neg_sample_args={distributio: uniform}", "'distributio'; did you mean distribution",
    ),
    "key of clip_grad_norm": ("--clip_grad_norm={max_nrm: 1}", "'max_nrm'; did you mean max_norm"),
    "key of scenario_from": ("--scenario_from={feld: age}", "'feld'; did you mean field"),
    "key of discretization": (
        "--discretization={price: {metod: ED}}", "price: there is no 'metod'; did you mean method",
    ),
    "mode": ("--eval_args={mode: labelled}", "mode: 'labelled' is not one of labeled"),
    "percent": ("--eval_args={split: {RS: [80,10,10]}}", r"add up to 1, as \[0.8, 0.1, 0.1\]"),
    "shares above 1": (
        "--eval_args={split: {RS: [.8,.3,.2]}}",
        r"add up to 1, as \[0.8, 0.1, 0.1\] \(eval_args is set in: command line\)",
    ),
    "negative share": ("--eval_args={split: {RS: [1.1,-.2,.1]}}", "three shares that add up to 1"),
    "shares of a time split": ("--eval_args={split: {TS: [.8,.9]}}", "three shares"),
    "points of a time split": ("--eval_args={split: {TS: [.8,.9,1]}}", "that add up to 1"),
    "leave one out": ("--eval_args={split: {LS: valid}}", "LS: 'valid' is not one of valid_and_tes"),
    # bounds
    "epochs": ("--epochs=-3", at_least("epochs", "at least 0, as 1")),
    "embedding_size": ("--embedding_size=0", at_least("embedding_size", "at least 1")),
    "metric_decimal_place": ("--metric_decimal_place=-1", at_least("metric_decimal_place", "at lea")),
    "loss_decimal_place": ("--loss_decimal_place=-2", at_least("loss_decimal_place", "at least 0")),
    "meta_rank": (["--model=LLM4MSR_STAR", "--meta_rank=99999"], "at most 4096, as 4096"),
    "meta_rank is a word": (["--model=LLM4MSR_STAR", "--meta_rank=ful"], "`full`, `diag` or a rank"),
    "train_batch_size": ("--train_batch_size=0", at_least("train_batch_size", "at least 1")),
    "eval_batch_size": ("--eval_batch_size=0", at_least("eval_batch_size", "at least 1")),
    "learning_rate below": ("--learning_rate=-0.1", at_least("learning_rate", "above 0 .*as 0.001")),
    "learning_rate 0": ("--learning_rate=0", at_least("learning_rate", "above 0")),
    "learning_rate above": ("--learning_rate=1e6", at_least("learning_rate", ".* at most 10, as 10")),
    "learning_rate nan": ("--learning_rate=nan", "'nan' is not a number"),
    "dropout_prob": ("--dropout_prob=1", at_least("dropout_prob", "at least 0 and below 1")),
    "stopping_step": ("--stopping_step=-1", at_least("stopping_step", "at least 0")),
    "min_count": ("--min_count=-1", at_least("min_count", "at least 0")),
    "min_count of a field": ("--min_count={user_id: -1}", at_least("min_count", "at least 0")),
    "topk": ("--topk=[0]", at_least("topk", "at least 1")),
    "weight_decay": ("--weight_decay=-1", at_least("weight_decay", "at least 0")),
    "a width": ("--mlp_hidden_size=[8,0]", at_least("mlp_hidden_size", "at least 1")),
    "seed": ("--seed=-1", at_least("seed", "at least 0 and at most 4294967295")),
    "knowledge_size": (["--model=LLM4MSR_STAR", "--knowledge_size=0"], "knowledge_size: 0 is below"),
    "prompt_history": (["--model=LLM4MSR_STAR", "--prompt_history=0"], "prompt_history: 0 is below"),
    "value in a file": (
        "--config_files={data}/wrong.yaml", r"dropout_prob \(.*wrong.yaml\): 1.0 has to be .* below 1",
    ),
    "value in the data set's file": (
        "--dataset=set_by_file", r"train_batch_size \(.*set_by_file.yaml\): 0 has to be at least 1",
    ),
    # values
    "learner": ("--learner=lamb", "no optimizer 'lamb'; there are adam"),
    "learner and tables": (
        ["--learner=sgd", "--embedding_optimizer=deferred_adam"], "deferred_adam .* learner is sgd",
    ),
    "state": ("--state=WARNIN", "'WARNIN' is not one of INFO"),
    "interval": ("--user_inter_num_interval=5", r"has to be an interval, as '\[5,inf\)'"),
    "interval of values": ("--val_interval={label: 1}", "has to be an interval"),
    "metric with topk": ("--metrics=['NDCG@10']", r"metrics: .*write NDCG, and 10 into topk: \[10\]"),
    "valid_metric": ("--valid_metric=Foo", "valid_metric: there is no metric 'foo'"),
    "parts": ("--benchmark_filename=[a,b]", "three parts"),
    # files and folders
    "configuration in UTF-16": ("--config_files={data}/utf16.yaml", "utf16.yaml: not a text file"),
    "data in UTF-16": ("--dataset=utf16", "utf16.inter: not a text in UTF-8 .* encoding: utf-16"),
    "data in Latin-1": ("--dataset=latin", "latin.inter: not a text in UTF-8"),
    "header only": ("--dataset=no_rows", "no_rows.inter: there is no row below the header"),
    "one row": ("--dataset=one_row", "1 of the 1 rows of one_row are training rows"),
    "three rows": ("--dataset=three_rows", "1 of the 3 rows of three_rows are training rows"),
    "filter too high": (
        "--item_inter_num_interval=[999,inf)",
        r"no row is left after the filters \(item_inter_num_interval: \[999,inf\)\)",
    ),
    "label of type token": ("--dataset=label_is_token", "write label:float in the first line"),
    "no .item file": (
        ["--model=LLM4MSR_STAR", "--dataset=no_item"],
        "item_text_fields, .*no_item.item does not exist, and title",
    ),
    "data_path is the set's folder": ("--data_path={data}/toy", r"toy.inter lies in .*--data_path="),
    "dataset is a path": ("--dataset={data}/toy", "is a path, .* --dataset=toy"),
    "checkpoint_dir is a file": ("--checkpoint_dir={data}/file", "checkpoint_dir: .* is a file"),
    "output is a file": (
        ["benchmark", "--models=STAR", "--dataset=toy", "--data_path={data}", "--output={data}/file"],
        "--output: .*file is not a folder",
    ),
    "predictions as csv": ("--save_predictions=p.csv", "gets a parquet file; name it p.parquet"),
    "setting that no model has": (
        ["benchmark", "--models=DeepFM,FM", "--dataset=toy", "--aux_hidden_size=[8]"],
        "'aux_hidden_size' is not an option of DeepFM or FM",
    ),
}  # fmt: skip

ACCEPTED = {
    "version": ("--version", r"recbole_llm4msr .*, recbole 1\.2\.1, Python 3"),
    "threshold as in yaml": (["--dataset=rated", "--threshold={rating: 1}"], "all rows"),
    "eval_args as in yaml": ("--eval_args={split: {RS: [.6, .2, .2]}, order: RO}", "all rows"),
    "load_col as in yaml": (
        [
            "--load_col={inter: [user_id, item_id, scenario, label, timestamp]}",
            "--numerical_features=[]",
        ],
        "all rows",
    ),
    "scenario_loss_weight as in yaml": ("--scenario_loss_weight={search: 2, feed: .5}", "all rows"),
    "empty configuration": ("--config_files={data}/empty.yaml", "all rows"),
    "epochs 0": ("--epochs=0", "epochs: 0 trains nothing"),
    "no GPU": (["--gpu_id=3", "--use_gpu=True"], r"gpu_id: 3 \(command line\) has no effect"),
    "knowledge without a reader": ("--knowledge=random", "without effect: knowledge: random"),
    "no scenarios": (["--model=DeepFM", "--SCENARIO_FIELD=None"], r"all rows .*0\.\d{4}"),
}


def call(given: list[str], capsys, caplog) -> tuple[int, str]:
    """Exit code and everything that a command says."""
    for handler in [h for h in logging.getLogger().handlers if h is not caplog.handler]:
        if type(handler).__module__.startswith(("logging", "colorlog")):
            logging.getLogger().removeHandler(handler)  # RecBole's, of an earlier run
    try:
        main(given)
        code: int | str | None = 0
    except SystemExit as ended:
        code = ended.code
    shown = capsys.readouterr()
    said = [shown.out, shown.err, caplog.text]
    if isinstance(code, str):  # which Python prints, with exit code 1
        said, code = [*said, code], 1
    return int(code or 0), " ".join("\n".join(said).split())


@pytest.mark.parametrize("row", REFUSED)
def test_a_mistake_is_answered_with_what_to_change(row, data, capsys, caplog) -> None:
    given, pattern = REFUSED[row]
    code, said = call(arguments(given, data), capsys, caplog)
    assert re.search(pattern, said), said[-600:]
    assert code == 1
    assert "Traceback" not in said
    assert not list(Path.cwd().glob("saved/*.pth"))


@pytest.mark.parametrize("row", ACCEPTED)
def test_what_is_accepted_gives_its_result_or_is_told_of(row, data, capsys, caplog) -> None:
    given, pattern = ACCEPTED[row]
    if row == "no GPU":
        import torch

        if torch.cuda.is_available():
            pytest.skip("this machine has a GPU")
    code, said = call(arguments(given, data), capsys, caplog)
    assert code == 0, said[-600:]
    assert re.search(pattern, said), said[-600:]
