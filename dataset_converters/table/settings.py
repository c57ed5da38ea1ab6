"""Write the settings of a converted log, so that a run needs its name alone."""

from __future__ import annotations

import re

from dataset_converters.table.options import TableOptions
from dataset_converters.table.plan import Plan, PlannedColumn, SideFiles
from dataset_converters.writing import dataset_settings

_CATEGORY = re.compile(r"(^|_)(category|categories|genre|genres|class)$", re.I)
_CODE = re.compile(r"(^|_)(id|code|zip|zipcode)$", re.I)  # tells a language model nothing
_NAMED_TEXTS = 3  # token columns that stand for the text of an item without one


def table_settings(plan: Plan, options: TableOptions, empty: set[str]) -> dict[str, object]:
    """Return the RecBole configuration of a converted log.

    Numbers are scaled to the range of the training rows, since a price of 1,000 beside an
    embedding makes training diverge.

    Args:
        plan: Columns that were written.
        options: Options of the conversion.
        empty: Names of float columns without any number, which are not loaded.
    """
    inter = _loaded(plan.columns, empty)
    user = _loaded(plan.user.columns, empty) if plan.user else []
    item = _loaded(plan.item.columns, empty) if plan.item else []
    settings = dataset_settings(
        user=["user_id", *(column.name for column in user)] if plan.user else [],
        item=["item_id", *(column.name for column in item)] if plan.item else [],
        template=options.template,
        texts=_texts(plan.item),
        inter=[column.name for column in inter],
        timed=plan.roles.time is not None,
    )
    numbers = [column.name for column in (*inter, *user, *item) if column.kind.name == "float"]
    if numbers:
        settings |= {"numerical_features": numbers, "normalize_field": numbers}
    categories = [
        c.name for c in (plan.item.columns if plan.item else []) if _CATEGORY.search(c.name)
    ]
    if categories:
        settings["item_category_field"] = categories[0]
    profile = [c.name for c in user if c.kind.name == "token" and not _CODE.search(c.name)]
    if profile:
        settings["user_profile_fields"] = profile
    return settings


def _loaded(columns: list[PlannedColumn], empty: set[str]) -> list[PlannedColumn]:
    return [column for column in columns if column.use == "feature" and column.name not in empty]


def _texts(item: SideFiles | None) -> list[str]:
    """Return the columns that make an item's text in prompts."""
    if item is None:
        return []
    texts = [column.name for column in item.columns if column.use == "text"]
    words = [c for c in item.columns if c.use == "feature" and c.kind.name.startswith("token")]
    named = [c.name for c in words if re.search(r"[^\W\d]{2}", c.example)]
    return texts or named[:_NAMED_TEXTS]
