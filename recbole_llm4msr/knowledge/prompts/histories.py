"""What a user's prompt is written from: items' texts, histories and profiles."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import polars as pl

from recbole_llm4msr.data.history import TrainingHistory
from recbole_llm4msr.knowledge.options import KnowledgeError, KnowledgeOptions
from recbole_llm4msr.knowledge.prompts.budget import TokenBudget

FULL = -1  # the "fold" of a prompt that leaves nothing out


def item_texts(history: TrainingHistory, options: KnowledgeOptions) -> pl.DataFrame:
    """Return ``item``, ``text`` and ``category`` (null where unknown) of every training item.

    The text joins ``item_text_fields`` (when empty all text columns but the category). An item
    without any text is called by its raw token, so that a data set without texts still has
    something to tell.

    Raises:
        KnowledgeError: A named column does not exist.
    """
    columns = [c for c in history.items.columns if c != "item"]
    named = list(options.item_text_fields or ())
    for key, field in [
        *(("item_text_fields", f) for f in named),
        ("item_category_field", options.item_category_field),
    ]:
        if field is not None and field not in columns:
            raise KnowledgeError(
                f"{key}: the items of {history.dataset} have no text column {field!r}; "
                f"they have: {', '.join(columns) or 'none'}"
            )
    texts = named or [c for c in columns if c != options.item_category_field]
    text = (
        pl.concat_str([_clean(c) for c in texts], separator=", ", ignore_nulls=True)
        if texts
        else pl.lit("")
    )
    category = (
        _clean(options.item_category_field)
        if options.item_category_field
        else pl.lit(None, dtype=pl.String)
    )
    token = pl.concat_str(pl.lit("item "), pl.col("item"))
    return history.items.select(
        "item",
        text=pl.when(text.str.len_chars() > 0).then(text).otherwise(token),
        category=category,
    )


def _clean(column: str) -> pl.Expr:
    """One line per text, and null where nothing is left."""
    text = pl.col(column).str.replace_all(r"\s+", " ").str.strip_chars()
    return pl.when(text.str.len_chars() > 0).then(text)


def positive_rows(history: TrainingHistory, texts: pl.DataFrame) -> pl.DataFrame:
    """Return the positive training rows with ``text``, ``category`` and their place in time.

    ``recency`` counts from the newest row of a user in a scenario, 0 first; a row without a time
    is as old as its place in the training split says.
    """
    return (
        history.rows.with_row_index("row")
        .filter(pl.col("label") > 0.5)
        .join(texts, on="item", how="left")
        .sort("user", "scenario", "time", "row", nulls_last=False)
    )


def user_histories(
    history: TrainingHistory,
    options: KnowledgeOptions,
    folds: np.ndarray | None = None,
    budget: TokenBudget | None = None,
) -> pl.DataFrame:
    """Gather what every user's prompt tells, one row per prompt.

    Args:
        history: The training rows.
        options: ``prompt_history``, ``prompt_categories`` and the item fields are used.
        folds: Fold of every training row, shape (n_rows,); ``None`` for full histories only.
        budget: Leave out what is beyond these tokens by the count of its text alone, newest items
            and most frequent entries first, in turns between the scenarios. A first, coarse cut,
            which always keeps the newest item of every scenario.

    Returns:
        Columns ``user``, ``fold`` (-1 for the full history), ``positives`` (positive training
        rows the prompt may speak of) and ``history``, a list of structs in scenario order with
        ``scenario``, ``positives``, ``recent`` (texts, newest first), ``frequent`` (structs
        ``name``, ``count``) and ``turn`` (0 for the scenario of the newest positive, 1 for the
        scenario next to it in time, ...). Sorted by user and fold.
    """
    texts = item_texts(history, options)
    told = positive_rows(history, texts)
    parts = [told.with_columns(fold=pl.lit(FULL, dtype=pl.Int64))]
    if folds is not None:
        parts.append(_without_each_fold(history.rows, told, folds))
    told = pl.concat(parts)
    order = pl.DataFrame(
        {"scenario": history.scenarios, "place": range(len(history.scenarios))},
        schema={"scenario": pl.String, "place": pl.Int64},
    )
    by = ["user", "fold", "scenario"]
    told = told.join(order, on="scenario", how="left").sort(
        "user", "fold", "place", "time", "row", nulls_last=False, maintain_order=True
    )
    places = _places(told, by)
    recent = told.group_by(by, maintain_order=True).tail(options.prompt_history)
    recent = recent.reverse()  # newest first
    frequent = _frequent(told, by, options)
    if budget is not None:
        recent = _within(recent, "text", places, by, budget, least=1)
        frequent = _within(frequent, "name", places, by, budget, least=0)
    per_scenario = (
        places.join(
            recent.group_by(by, maintain_order=True).agg(recent="text"),
            on=by,
            how="left",
        )
        .join(
            frequent.group_by(by, maintain_order=True).agg(frequent=pl.struct("name", "count")),
            on=by,
            how="left",
        )
        .with_columns(pl.col("recent", "frequent").fill_null([]))
        .sort("user", "fold", "place")
    )
    return (
        per_scenario.group_by("user", "fold", maintain_order=True)
        .agg(
            total=pl.col("positives").sum(),
            history=pl.struct("scenario", "positives", "recent", "frequent", "turn"),
        )
        .rename({"total": "positives"})
    )


def _places(told: pl.DataFrame, by: list[str]) -> pl.DataFrame:
    """Count the positives of each user, fold and scenario, and number the scenarios by time."""
    return (
        told.group_by([*by, "place"], maintain_order=True)
        .agg(positives=pl.len(), newest=pl.col("time").last(), row=pl.col("row").last())
        .sort("user", "fold", "newest", "row", descending=[False] * 2 + [True] * 2, nulls_last=True)
        .with_columns(turn=pl.int_range(pl.len()).over("user", "fold"))
    )


def _without_each_fold(rows: pl.DataFrame, told: pl.DataFrame, folds: np.ndarray) -> pl.DataFrame:
    """Repeat the positives for every fold their user has, leaving that fold's items out.

    Items are left out, not rows: an item that the user met twice must not speak through its other
    row for the one that is trained.
    """
    placed = rows.select("user", "item").with_columns(fold=pl.Series(folds, dtype=pl.Int64))
    return (
        placed.select("user", "fold")
        .unique()
        .join(told, on="user", how="inner")
        .join(placed, on=["user", "fold", "item"], how="anti")
        .select(*told.columns, "fold")
    )


def rows_told(history: TrainingHistory, folds: np.ndarray | None) -> pl.DataFrame:
    """Count the training rows, whatever their label, that each prompt may speak of.

    Returns:
        Columns ``user``, ``fold`` (-1 for the full history) and ``seen``.
    """
    rows = history.rows.select("user")
    full = rows.group_by("user").agg(seen=pl.len().cast(pl.Int64))
    parts = [full.select("user", pl.lit(FULL, dtype=pl.Int64).alias("fold"), "seen")]
    if folds is not None:
        placed = rows.with_columns(fold=pl.Series(folds, dtype=pl.Int64))
        lengths = placed.group_by("user", "fold").agg(length=pl.len().cast(pl.Int64))
        left = lengths.join(full, on="user").select(
            "user", "fold", seen=pl.col("seen") - pl.col("length")
        )
        parts.append(left)
    return pl.concat(parts)


def _within(
    rows: pl.DataFrame,
    text: str,
    places: pl.DataFrame,
    by: list[str],
    budget: TokenBudget,
    least: int,
) -> pl.DataFrame:
    """Keep the first rows of every scenario that together stay within the token budget.

    Scenarios take turns, that of the newest positive first; ``least`` rows of each are kept.
    """
    names = rows.select(pl.col(text).unique().sort())
    tokens = names.with_columns(
        tokens=pl.Series(budget.count(names[text].to_list()), dtype=pl.Int64)
    )
    ranked = rows.with_columns(rank=pl.int_range(pl.len()).over(by)).with_row_index("at")
    return (
        ranked.join(tokens, on=text, how="left")
        .join(places.select(*by, "turn"), on=by, how="left")
        # Turn by turn: the newest of each scenario, then the second newest of each, ...
        .sort("user", "fold", "rank", "turn", maintain_order=True)
        .filter(
            (pl.col("tokens").cum_sum().over("user", "fold") <= budget.tokens)
            | (pl.col("rank") < least)
        )
        .sort("at")
    )


def _frequent(told: pl.DataFrame, by: list[str], options: KnowledgeOptions) -> pl.DataFrame:
    """The most frequent categories; items met more than once where there are no categories."""
    has_categories = options.item_category_field is not None
    name = "category" if has_categories else "text"
    return (
        told.filter(pl.col(name).is_not_null())
        .group_by([*by, name])
        .agg(count=pl.len())
        .filter(pl.col("count") >= (1 if has_categories else 2))
        .rename({name: "name"})
        .sort([*by, "count", "name"], descending=[False] * 3 + [True, False])
        .group_by(by, maintain_order=True)
        .head(options.prompt_categories)
    )


def profile_of(history: TrainingHistory) -> Callable[[str], dict[str, str]]:
    """Return a look-up from a user's raw token to the profile fields that are filled in."""
    if history.profiles is None:
        return lambda user: {}
    fields = [c for c in history.profiles.columns if c != "user"]
    rows: Iterator[tuple] = history.profiles.select("user", *fields).iter_rows()
    known = {
        row[0]: {f: v for f, v in zip(fields, row[1:], strict=True) if v not in (None, "")}
        for row in rows
    }
    return lambda user: known.get(user, {})
