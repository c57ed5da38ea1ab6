"""Exports that keep what torch reads anew for each of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import pytest
from torch.onnx._internal.exporter._registration import ONNXRegistry


@contextmanager
def one_registry() -> Iterator[None]:
    """Keep the translations of operators, 0.4 s of every export."""
    with pytest.MonkeyPatch.context() as patch:
        kept = staticmethod(cache(ONNXRegistry.from_torchlib))
        patch.setattr(ONNXRegistry, "from_torchlib", kept)
        yield
