"""Mistakes of users: each command ends with one sentence that says what to change, or is told of.

A row has the arguments, the exit code and a pattern of what is printed. Commands that train do so
for one epoch on a few hundred rows; all run in this process.
"""

from __future__ import annotations

import logging
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import recbole_llm4msr
from recbole_llm4msr.__main__ import main
from tests.cli.mistakes import ACCEPTED, REFUSED
from tests.toy import write_toy

ROOT = Path(recbole_llm4msr.__file__).parents[1]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of data sets and files with one fault each."""
    folder = tmp_path_factory.mktemp("data")

    def variant(name: str, change=lambda text: text) -> Path:
        made = write_toy(folder, name, rows=300)
        inter = made / f"{name}.inter"
        inter.write_bytes(change(inter.read_text()).encode())
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
    variant("commas", lambda text: text.replace("\t", ","))
    variant("carriage_returns", lambda text: text.replace("\n", "\r"))
    variant("blank_beside_number", lambda text: text.replace("\t1\t", "\t 1 \t", 1))
    variant("blank_beside_scenario", lambda text: text.replace("\tfeed\t", "\tfeed \t", 20))
    renamed = variant("no_label", lambda text: text.replace("label:float", "other:float"))
    (renamed / "no_label.yaml").write_text("load_col: {inter: [user_id, item_id, scenario]}\n")
    no_user = variant("no_user", lambda text: text.replace("user_id", "session", 1))
    (no_user / "no_user.yaml").write_text("load_col: {inter: [item_id, scenario, label]}\n")
    for name, price in {"no_price": "", "large_price": "5000"}.items():
        items = variant(name) / f"{name}.item"
        items.write_text(re.sub(r"^(i\d+)\t[^\t]*", rf"\1\t{price}", items.read_text(), flags=re.M))
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
def test_what_is_accepted_gives_its_result_or_is_told_of(
    row, data, capsys, caplog, monkeypatch
) -> None:
    given, pattern = ACCEPTED[row]
    if row == "no GPU":
        monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    code, said = call(arguments(given, data), capsys, caplog)
    assert code == 0, said[-600:]
    assert re.search(pattern, said), said[-600:]


def test_a_log_folder_that_cannot_be_made_is_told(data, capsys, caplog) -> None:
    Path("log").write_text("")
    code, said = call(arguments("--seed=1", data), capsys, caplog)
    assert code == 1
    assert "log/STAR cannot be made in" in said and "start the command in a folder" in said


def test_a_reader_that_has_seen_enough_is_no_error() -> None:
    program = "from recbole_llm4msr.__main__ import main; main(['--help'])"
    shell = f"{sys.executable} -c {shlex.quote(program)} | head -1; exit ${{PIPESTATUS[0]}}"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        ["bash", "-c", shell], capture_output=True, text=True, check=False, env=environment
    )
    assert done.stderr == ""
    assert done.returncode == 0
    assert done.stdout.startswith("Train and evaluate")


@pytest.mark.parametrize(
    ("given", "word"),
    [
        (["--model=STAR", "--dataset=toy"], "stopped"),
        (["benchmark", "--models=STAR", "--dataset=toy"], "the same command continues"),
        (["tune", "--model=STAR", "--dataset=toy"], "the same command continues"),
    ],
)
def test_control_c_is_one_line(monkeypatch, data, capsys, caplog, given, word) -> None:
    def interrupted(*arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("recbole_llm4msr.cli.benchmark.check_model", interrupted)
    monkeypatch.setattr("recbole_llm4msr.quick_start.run", interrupted)
    code, said = call([*given, f"--data_path={data}"], capsys, caplog)
    assert code == 130
    assert word in said
