"""Commands with mistakes: arguments, and a pattern of the sentence that answers them.

A text is the last of the arguments of a short training; a list has several, or another command.
"""


def at_least(key: str, low: str) -> str:
    return rf"error: {key} \(command line\): .* has to be {low}"


REFUSED = {
    # commands and options
    "misspelt command": (["benchmrk", "--dataset=toy"], "'benchmrk'. Did you mean benchmark"),
    "no such command": (["wash"], "there is no command 'wash'. Commands: convert"),
    "model misspelt": ("--model=STARR", "no model 'STARR'. Did you mean STAR"),
    "model of tune misspelt": (["tune", "--model=STARR", "--dataset=toy"], "Did you mean STAR"),
    "data set of tune misspelt": (
        ["tune", "--model=STAR", "--dataset=toi", "--data_path={data}"],
        "Did you mean toy",
    ),
    "data set of benchmark misspelt": (
        ["benchmark", "--models=STAR", "--dataset=toi", "--data_path={data}"],
        "Did you mean toy",
    ),
    "model without a library": ("--model=XGBoost", r"needs the package \w+, .*: pip install"),
    "log_wandb without wandb": ("--log_wandb=True", "pip install wandb"),
    "key misspelt": ("--data-path=x", "did you mean data_path"),
    # processes
    "nproc is a word": ("--nproc=two", "nproc: 'two' is not a number of processes"),
    "nproc is 0": ("--nproc=0", "nproc: 0 is not a number of processes"),
    "nproc above the cores": (
        "--nproc=4096",
        r"4096 processes share \d+ cores .* --oversubscribe=True",
    ),
    # mappings and their keys
    "threshold is no mapping": ("--threshold=4", r"threshold \(command line\): 4 is not a mapping"),
    "threshold is a text": (
        ["--dataset=rated", "--threshold={rating: '4'}"],
        "'4' is not a number.*command line",
    ),
    "load_col is no mapping": ("--load_col=4", r"load_col \(command line\): 4 is not a mapping"),
    "load_col of a suffix": ("--load_col={iter: [user_id]}", "no 'iter'; did you mean inter"),
    "key of eval_args": ("--eval_args={splt: {RS: [.8,.1,.1]}}", "no 'splt'; did you mean split"),
    "key of mode": ("--eval_args={mode: {vald: labeled}}", "mode: there is no 'vald'; did you"),
    "key of split": ("--eval_args={split: {RT: [.8,.1,.1]}}", "split: .* is none of"),
    "key of negatives": (
        "--train_neg_sample_args={distributio: uniform}",
        "did you mean distribution",
    ),
    "key of clip_grad_norm": ("--clip_grad_norm={max_nrm: 1}", "'max_nrm'; did you mean max_norm"),
    "key of scenario_from": ("--scenario_from={feld: age}", "'feld'; did you mean field"),
    "key of discretization": (
        "--discretization={price: {metod: ED}}",
        "price: there is no 'metod'; did you mean method",
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
    "leave one out": ("--eval_args={split: {LS: valid}}", "LS: 'valid' is not one of"),
    # bounds
    "epochs": ("--epochs=-3", at_least("epochs", "at least 0, as 1")),
    "epochs of a ranking model": (["--model=BPR", "--epochs=-3"], at_least("epochs", "at least 0")),
    "embedding_size": ("--embedding_size=0", at_least("embedding_size", "at least 1")),
    "metric_decimal_place": ("--metric_decimal_place=-1", at_least("metric_decimal_place", "")),
    "loss_decimal_place": ("--loss_decimal_place=-2", at_least("loss_decimal_place", "at least 0")),
    "meta_rank": (["--model=LLM4MSR_STAR", "--meta_rank=99999"], "at most 4096, as 4096"),
    "meta_rank is a word": (
        ["--model=LLM4MSR_STAR", "--meta_rank=ful"],
        "`full`, `diag` or a rank",
    ),
    "train_batch_size": ("--train_batch_size=0", at_least("train_batch_size", "at least 1")),
    "eval_batch_size": ("--eval_batch_size=0", at_least("eval_batch_size", "at least 1")),
    "learning_rate below": (
        "--learning_rate=-0.1",
        at_least("learning_rate", "above 0 .*as 0.001"),
    ),
    "learning_rate 0": ("--learning_rate=0", at_least("learning_rate", "above 0")),
    "learning_rate above": (
        "--learning_rate=1e6",
        at_least("learning_rate", ".* at most 10, as 10"),
    ),
    "learning_rate nan": ("--learning_rate=nan", "'nan' is not a number"),
    "dropout_prob": ("--dropout_prob=1", at_least("dropout_prob", "at least 0 and below 1")),
    "stopping_step": ("--stopping_step=-1", at_least("stopping_step", "at least 0")),
    "min_count": ("--min_count=-1", at_least("min_count", "at least 0")),
    "min_count of a field": ("--min_count={user_id: -1}", at_least("min_count", "at least 0")),
    "topk": ("--topk=[0]", at_least("topk", "at least 1")),
    "weight_decay": ("--weight_decay=-1", at_least("weight_decay", "at least 0")),
    "a width": ("--mlp_hidden_size=[8,0]", at_least("mlp_hidden_size", "at least 1")),
    "seed": ("--seed=-1", at_least("seed", "at least 0 and at most 4294967295")),
    "knowledge_size": (
        ["--model=LLM4MSR_STAR", "--knowledge_size=0"],
        "knowledge_size: 0 is below",
    ),
    "prompt_history": (
        ["--model=LLM4MSR_STAR", "--prompt_history=0"],
        "prompt_history: 0 is below",
    ),
    "value in a file": (
        "--config_files={data}/wrong.yaml",
        r"dropout_prob \(.*wrong.yaml\): 1.0 has to be .* below 1",
    ),
    "value in the data set's file": (
        "--dataset=set_by_file",
        r"train_batch_size \(.*set_by_file.yaml\): 0 has to be at least 1",
    ),
    # values
    "learner": ("--learner=lamb", "no optimizer 'lamb'; there are adam"),
    "learner and tables": (
        ["--learner=sgd", "--embedding_optimizer=deferred_adam"],
        "deferred_adam .* learner is sgd",
    ),
    "state": ("--state=WARNIN", "'WARNIN' is not one of INFO"),
    "interval": ("--user_inter_num_interval=5", r"has to be an interval, as '\[5,inf\)'"),
    "interval of values": ("--val_interval={label: 1}", "has to be an interval"),
    "metric with topk": (
        "--metrics=['NDCG@10']",
        r"metrics \(command line\): .*write NDCG, and 10 into topk: \[10\]",
    ),
    "valid_metric": (
        "--valid_metric=Foo",
        r"valid_metric \(command line\): there is no metric 'foo'",
    ),
    "valid_metric without its scenario": ("--valid_metric=auc@", "not the name of one metric"),
    "valid_metric is a list": ("--valid_metric=['AUC']", "not the name of one metric"),
    "buckets": (
        "--discretization={price: {method: ED, bucket: 0}}",
        "price: 0 is not a number",
    ),
    "numerical feature is a token": ("--numerical_features=[age]", "age is of type token"),
    "parts": ("--benchmark_filename=[a,b]", "three parts"),
    # files and folders
    "configuration in UTF-16": ("--config_files={data}/utf16.yaml", "utf16.yaml: not a text file"),
    "data in UTF-16": ("--dataset=utf16", "utf16.inter: not a text in UTF-8 .* encoding: utf-16"),
    "data in Latin-1": ("--dataset=latin", "latin.inter: not a text in UTF-8"),
    "other separator": ("--dataset=commas", "this header has ',': set field_separator: ','"),
    "lines end in CR": ("--dataset=carriage_returns", "there is no row below the header"),
    "blank beside a number": (
        "--dataset=blank_beside_number",
        "column label: ' 1 ' is not",
    ),
    "no label": ("--dataset=no_label", "LABEL_FIELD: .* have no field 'label'"),
    "no label and no scenarios": (
        ["--model=DeepFM", "--SCENARIO_FIELD=None", "--dataset=no_label"],
        "LABEL_FIELD: .* have no field 'label'",
    ),
    "no user": ("--dataset=no_user", "USER_ID_FIELD: .* have no column 'user_id'"),
    "empty numerical feature": ("--dataset=no_price", "all cells of price are empty"),
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
    "data_path is the set's folder": (
        "--data_path={data}/toy",
        r"toy.inter lies in .*--data_path=",
    ),
    "dataset is a path": ("--dataset={data}/toy", "is a path, .* --dataset=toy"),
    "checkpoint_dir is a file": ("--checkpoint_dir={data}/file", "checkpoint_dir: .* is a file"),
    "output is a file": (
        [
            "benchmark",
            "--models=STAR",
            "--dataset=toy",
            "--data_path={data}",
            "--output={data}/file",
        ],
        "--output: .*file is not a folder",
    ),
    "predictions as csv": ("--save_predictions=p.csv", "gets a parquet file; name it p.parquet"),
    "setting that no model has": (
        ["benchmark", "--models=DeepFM,FM", "--dataset=toy", "--aux_hidden_size=[8]"],
        "'aux_hidden_size' is not an option of DeepFM or FM",
    ),
}

ACCEPTED = {
    "scenarios that differ in blanks": (
        "--dataset=blank_beside_scenario",
        "differ in blanks alone, .*'feed' and 'feed '",
    ),
    "large numerical feature": ("--dataset=large_price", "price has values up to 5000"),
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
