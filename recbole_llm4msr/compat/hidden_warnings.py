"""Hide warnings of RecBole's data set that its user cannot act on.

What:     pandas' ``FutureWarning`` about ``feat[field].fillna(..., inplace=True)`` and
          ``Series.agg(len)``, and torch's about ``FloatTensor(value.tolist())``, all in
          ``recbole.data.dataset.dataset`` (1.2.1).
Why:      the first two are about pandas 3, which is not installed beside this package
          (`setup.cfg`), the last about some milliseconds; everyone who reads a data set for the
          first time would see them.
When not: other warnings, and those about any other module, are shown as before.
"""

from __future__ import annotations

import re
import warnings

_MODULE = re.escape("recbole.data.dataset.dataset") + r"\Z"
_HIDDEN = (
    ("A value is trying to be set on a copy", FutureWarning),
    ("using <built-in function len>", FutureWarning),
    ("Creating a tensor from a list of numpy.ndarrays", UserWarning),
)


def hide_dataset_warnings() -> None:
    """Hide these warnings and no others. Safe to call again."""
    for message, category in _HIDDEN:
        warnings.filterwarnings("ignore", message, category, _MODULE)
