"""Contents of users' prompts: texts of items, histories and profiles."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import polars as pl

from recbole_llm4msr.data.history import TrainingHistory
from recbole_llm4msr.knowledge.options import KnowledgeError, KnowledgeOptions
from recbole_llm4msr.knowledge.prompts.cut_to_budget import TokenBudget

FULL = -1  # fold number of a prompt of the full history


def item_texts(history: TrainingHistory, options: KnowledgeOptions) -> pl.DataFrame:
    """Return ``item``, ``text`` and ``category`` (null where unknown) of every training item.

    The text joins ``item_text_fields`` (if empty, all text columns but the category). The text of
    an item without any is ``item`` and its raw token.

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
    """Collapse whitespace to single blanks; null for an empty text."""
    text = pl.col(column).str.replace_all(r"\s+", " ").str.strip_chars()
    return pl.when(text.str.len_chars() > 0).then(text)


def positive_rows(history: TrainingHistory, texts: pl.DataFrame) -> pl.DataFrame:
    """Return the positive training rows with ``text`` and ``category``, sorted by time.

    Sorted by user, scenario and time; rows of the same or no time by their position ``row`` in the
    training split.
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
    """Collect the history of every user's prompts, one row per prompt.

    Args:
        history: The training rows.
        options: ``prompt_history``, ``prompt_categories`` and the item fields are used.
        folds: Fold of every training row, shape (n_rows,); ``None`` for full histories only.
        budget: Keep the newest items and the most frequent entries within these tokens, counted
            by their texts alone, in turns between the scenarios. A first, coarse cut, which always
            keeps the newest item of every scenario.

    Returns:
        Columns ``user``, ``fold`` (-1 for the full history), ``positives`` (positive training
        rows that the prompt covers) and ``history``, a list of structs in scenario order with
        ``scenario``, ``positives``, ``recent`` (texts, newest first), ``frequent`` (structs
        ``name``, ``count``) and ``turn`` (0 for the scenario of the newest positive, 1 for the
        scenario next to it in time, ...). Sorted by user and fold.
    """
    texts = item_texts(history, options)
    positives = positive_rows(history, texts)
    parts = [positives.with_columns(fold=pl.lit(FULL, dtype=pl.Int64))]
    if folds is not None:
        parts.append(_without_each_fold(history.rows, positives, folds))
    positives = pl.concat(parts)
    order = pl.DataFrame(
        {"scenario": history.scenarios, "place": range(len(history.scenarios))},
        schema={"scenario": pl.String, "place": pl.Int64},
    )
    by = ["user", "fold", "scenario"]
    positives = positives.join(order, on="scenario", how="left").sort(
        "user", "fold", "place", "time", "row", nulls_last=False, maintain_order=True
    )
    places = _places(positives, by)
    recent = positives.group_by(by, maintain_order=True).tail(options.prompt_history)
    recent = recent.reverse()  # newest first
    frequent = _frequent(positives, by, options)
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


def _places(positives: pl.DataFrame, by: list[str]) -> pl.DataFrame:
    """Count the positives of each user, fold and scenario; number the scenarios by newest row."""
    return (
        positives.group_by([*by, "place"], maintain_order=True)
        .agg(positives=pl.len(), newest=pl.col("time").last(), row=pl.col("row").last())
        .sort("user", "fold", "newest", "row", descending=[False] * 2 + [True] * 2, nulls_last=True)
        .with_columns(turn=pl.int_range(pl.len()).over("user", "fold"))
    )


def _without_each_fold(
    rows: pl.DataFrame, positives: pl.DataFrame, folds: np.ndarray
) -> pl.DataFrame:
    """Repeat the positives for every fold of their user, without the items of that fold.

    Items are left out, not rows: the other row of an item that occurs twice would reveal the label
    of the row that is trained.
    """
    placed = rows.select("user", "item").with_columns(fold=pl.Series(folds, dtype=pl.Int64))
    return (
        placed.select("user", "fold")
        .unique()
        .join(positives, on="user", how="inner")
        .join(placed, on=["user", "fold", "item"], how="anti")
        .select(*positives.columns, "fold")
    )


def prompt_row_counts(history: TrainingHistory, folds: np.ndarray | None) -> pl.DataFrame:
    """Count the training rows, of any label, that each prompt covers.

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
    ranked = rows.with_columns(rank=pl.int_range(pl.len()).over(by)).with_row_index("order")
    return (
        ranked.join(tokens, on=text, how="left")
        .join(places.select(*by, "turn"), on=by, how="left")
        # Turns: the newest row of each scenario, then the second newest of each, ...
        .sort("user", "fold", "rank", "turn", maintain_order=True)
        .filter(
            (pl.col("tokens").cum_sum().over("user", "fold") <= budget.tokens)
            | (pl.col("rank") < least)
        )
        .sort("order")
    )


def _frequent(positives: pl.DataFrame, by: list[str], options: KnowledgeOptions) -> pl.DataFrame:
    """Return the most frequent categories; without categories, items that occur more than once."""
    has_categories = options.item_category_field is not None
    name = "category" if has_categories else "text"
    return (
        positives.filter(pl.col(name).is_not_null())
        .group_by([*by, name])
        .agg(count=pl.len())
        .filter(pl.col("count") >= (1 if has_categories else 2))
        .rename({name: "name"})
        .sort([*by, "count", "name"], descending=[False] * 3 + [True, False])
        .group_by(by, maintain_order=True)
        .head(options.prompt_categories)
    )


def profile_of(history: TrainingHistory) -> Callable[[str], dict[str, str]]:
    """Return a function from a user's raw token to the user's non-empty profile fields."""
    if history.profiles is None:
        return lambda user: {}
    fields = [c for c in history.profiles.columns if c != "user"]
    rows: Iterator[tuple] = history.profiles.select("user", *fields).iter_rows()
    known = {
        row[0]: {f: v for f, v in zip(fields, row[1:], strict=True) if v not in (None, "")}
        for row in rows
    }
    return lambda user: known.get(user, {})
