"""Options of a run: the keys of ``properties/overall.yaml``."""

from __future__ import annotations

from recbole_llm4msr.config.schema.option import Option

RUN: dict[str, Option] = {
    "SCENARIO_FIELD": Option(
        "str",
        "Field name of the scenario; None trains a RecBole model without scenarios.",
    ),
    "scenario_from": Option(
        "dict",
        "Derives the scenario from another field: {field, bins | mapping, labels,"
        " names, descriptions}.",
    ),
    "user_profile_fields": Option("list of str", "Columns of the .user file that prompts quote."),
    "download": Option(
        "dict",
        "Where to download a missing data set, and how to convert it.",
    ),
    "epochs": Option(
        "int", "Maximum number of training epochs; early stopping may end training before."
    ),
    "stopping_step": Option(
        "int",
        "Training stops when more than this many evaluations in a row bring no "
        "better valid_metric.",
    ),
    "train_batch_size": Option("int", "The training batch size."),
    "eval_batch_size": Option("int", "The evaluation batch size."),
    "learning_rate": Option("float", "Learning rate."),
    "embedding_optimizer": Option(
        "str",
        "auto (deferred_adam for large tables), dense, deferred_adam (updates "
        "only the rows of a batch, with the results of dense), sparse_adam, "
        "rowwise_adagrad.",
        choices=(
            "auto",
            "deferred_adam",
            "dense",
            "sparse_adam",
            "rowwise_adagrad",
        ),
    ),
    "fused_optimizer": Option(
        "bool",
        "Whether Adam or SGD updates a parameter in one pass; False is RecBole's "
        "form, equal up to rounding.",
    ),
    "embedding_learning_rate": Option(
        "float",
        "Learning rate of the sparse tables; learning_rate if not given.",
    ),
    "min_count": Option(
        "int or dict",
        "User and item ids (or {field: n}) with fewer than n training rows share one embedding.",
    ),
    "amp_dtype": Option(
        "str",
        "Number type of enable_amp: bfloat16, or float16 with enable_scaler.",
        choices=("bfloat16", "float16"),
    ),
    "torch_compile": Option(
        "bool",
        "Whether the forward pass is compiled by torch; for long runs, mostly on a GPU.",
    ),
    "nan_check_interval": Option("int", "Steps between two checks for a NaN loss."),
    "scenario_sampling": Option(
        "str or float",
        "Training rows by scenario: natural, balanced, or a power p: sampled in "
        "proportion to rows ** p.",
    ),
    "scenario_loss_weight": Option(
        "str or dict",
        "Loss weight by scenario: None, balanced, or {raw token: weight}, 1 by default.",
    ),
    "show_progress": Option("bool", "Whether every epoch shows a progress bar."),
    "dataset_cache": Option(
        "bool",
        "Whether the processed data set is cached, so that the next run starts in seconds.",
    ),
    "user_block_size": Option(
        "int",
        "Rows of one user kept together when training rows are shuffled; more "
        "make user-level meta layers cheaper; 1 shuffles single rows, as RecBole "
        "does.",
    ),
    "packed_loader": Option(
        "bool",
        "Whether batches are gathered from packed tables; False is RecBole's loader.",
    ),
    "metrics": Option(
        "list or str",
        "Metrics; each is also computed per scenario (@name) and as their mean (@mean).",
    ),
    "valid_metric": Option(
        "str",
        "The metric of early stopping: any of the above, auc@mean and auc@<scenario> included.",
    ),
    "metric_decimal_place": Option(
        "int",
        "Decimal places of metric scores; click models differ by less than 0.001.",
    ),
    "resume": Option(
        "str",
        "Checkpoint whose training goes on, with the result that it would have had without a stop.",
    ),
    "compare": Option(
        "bool or list",
        "Trains other models on the same data after this one and prints one table: True (the "
        "backbone without LLM4MSR, and DeepFM) or names [STAR, DeepFM].",
    ),
    "result_json": Option(
        "str",
        "JSON file to write results, seconds of each phase, versions and seed to.",
    ),
    "save_predictions": Option(
        "str",
        "Parquet file to write user, item, scenario, label, score and the user's "
        "training rows of every test row to.",
    ),
    "allow_unknown_keys": Option("bool", "Whether unknown configuration keys are accepted."),
}
