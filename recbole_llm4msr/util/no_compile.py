"""Functions that ``torch.compile`` must not trace, marked without importing torch's compiler."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import torch

_P = ParamSpec("_P")
_T = TypeVar("_T")


def untraced(function: Callable[_P, _T]) -> Callable[_P, _T]:
    """Make ``torch.compile`` call a function as it is instead of tracing it; a decorator.

    ``torch.compiler.disable`` does the same, but imports torch's compiler (over two seconds of
    work) with the module that it decorates. Here that happens when the function is first traced.
    """
    disabled: list[Callable[_P, _T]] = []  # made once: the compiler guards on its identity

    @wraps(function)
    def call(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        if not torch.compiler.is_compiling():
            return function(*args, **kwargs)
        if not disabled:
            disabled.append(torch.compiler.disable(function))
        return disabled[0](*args, **kwargs)

    return call
