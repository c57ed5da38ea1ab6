"""Restore names that numpy removed and RecBole 1.2.1 still reads.

What:     aliases such as ``np.float_`` (gone in numpy 2.0) and ``np.float`` (gone in 1.24).
Why:      RecBole's ``Config.compatibility_settings`` sets the short names from the long ones, and
          its data set and models read the short ones, also where no Config was ever made (a data
          set loaded from a checkpoint); releases of ray before 2.7 read ``np.bool8``.
When not: a name that numpy still has is left as it is.
"""

from __future__ import annotations

import numpy as np

_REMOVED = {
    "bool8": np.bool_,
    "float_": np.float64,
    "complex_": np.complex128,
    "unicode_": np.str_,
    "bool": np.bool_,
    "int": np.int_,
    "float": np.float64,
    "complex": np.complex128,
    "object": np.object_,
    "str": np.str_,
    "long": np.int_,
    "unicode": np.str_,
}


def restore_numpy_names() -> None:
    """Add the removed names to numpy; names that it has are left alone."""
    for name, value in _REMOVED.items():
        if name not in vars(np):
            setattr(np, name, value)
