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
        "Makes the scenario from another field: {field, bins | mapping, labels, names, "
        "descriptions}.",
    ),
    "user_profile_fields": Option("list of str", "Columns of the .user file that prompts quote."),
    "download": Option(
        "dict",
        "Where a data set that is not in data_path is downloaded, and how it is converted.",
    ),
    "epochs": Option("int", "The number of training epochs at most; validation stops earlier."),
    "stopping_step": Option(
        "int",
        "Training stops after more than this many evaluations in a row without a better "
        "valid_metric.",
    ),
    "train_batch_size": Option("int", "The training batch size."),
    "eval_batch_size": Option("int", "The evaluation batch size."),
    "learning_rate": Option("float", "Learning rate."),
    "embedding_optimizer": Option(
        "str",
        "auto: deferred_adam for large tables, which updates a batch's rows only and gives "
        "the results of dense; dense; sparse_adam, rowwise_adam, rowwise_adagrad.",
        choices=(
            "auto",
            "deferred_adam",
            "dense",
            "sparse_adam",
            "rowwise_adam",
            "rowwise_adagrad",
        ),
    ),
    "fused_optimizer": Option(
        "bool",
        "Whether Adam or SGD updates a parameter in one pass; False is RecBole's way, the "
        "same but for rounding.",
    ),
    "embedding_learning_rate": Option(
        "float",
        "Learning rate of the sparse tables; learning_rate where left out.",
    ),
    "min_count": Option(
        "int or dict",
        "User and item ids (or {field: n}) in fewer than n training rows share one embedding.",
    ),
    "amp_dtype": Option(
        "str",
        "Number type of enable_amp: bfloat16, or float16 with enable_scaler.",
        choices=("bfloat16", "float16"),
    ),
    "torch_compile": Option(
        "bool",
        "Whether torch compiles the forward pass; for long runs, mostly on a GPU.",
    ),
    "nan_check_interval": Option("int", "Steps between two checks that the loss is a number."),
    "scenario_sampling": Option(
        "str or float",
        "Training rows by scenario: natural, balanced, or a power p: drawn in proportion to "
        "rows ** p.",
    ),
    "scenario_loss_weight": Option(
        "str or dict",
        "Loss weight by scenario: None, balanced, or {raw token: weight}, 1 where not named.",
    ),
    "show_progress": Option("bool", "Whether every epoch shows a progress bar of its own."),
    "dataset_cache": Option(
        "bool",
        "Whether the processed data set is kept, so that the next run starts in seconds.",
    ),
    "user_block_size": Option(
        "int",
        "Consecutive training rows of one user in the shuffled order; more make user-level "
        "meta layers faster; 1 is RecBole's order.",
    ),
    "packed_loader": Option(
        "bool",
        "Whether batches are gathered from packed tables; False is RecBole's loader.",
    ),
    "metrics": Option(
        "list or str",
        "Metrics; each is also given per scenario (@name) and as their mean (@mean).",
    ),
    "valid_metric": Option(
        "str",
        "The metric of early stopping: any of the above, auc@mean and auc@<scenario> included.",
    ),
    "metric_decimal_place": Option(
        "int",
        "The decimal place of metric scores; click models differ by less than 0.001.",
    ),
    "result_json": Option(
        "str",
        "File that gets the results, the seconds of each phase, versions and seed as JSON.",
    ),
    "save_predictions": Option(
        "str",
        "Parquet file that gets user, item, scenario, label, score and the user's training "
        "rows for every test row.",
    ),
    "allow_unknown_keys": Option("bool", "Whether unknown configuration keys are accepted."),
}
