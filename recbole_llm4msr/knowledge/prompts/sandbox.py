"""Render templates of users in a sandbox, with a bound on the length of a prompt."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jinja2
from jinja2.sandbox import SandboxedEnvironment

#: Characters that one prompt may have; the longest of the package has a few thousand.
MAX_CHARACTERS = 1_000_000


class BoundedEnvironment(SandboxedEnvironment):
    """Jinja2's sandbox, in which no product or power makes a text or number beyond all use."""

    intercepted_binops = frozenset(("*", "**"))

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Compute a product or a power.

        Raises:
            jinja2.TemplateError: Its result would be longer than :data:`MAX_CHARACTERS`, or its
                exponent is above 64.
        """
        if operator == "**" and abs(right) > 64:
            raise jinja2.TemplateError(f"an exponent of {right} is above 64")
        for sequence, times in ((left, right), (right, left)):
            if isinstance(sequence, str | list | tuple) and len(sequence) * times > MAX_CHARACTERS:
                raise jinja2.TemplateError(
                    f"a text or list repeated {times} times is longer than {MAX_CHARACTERS:,}"
                )
        return super().call_binop(context, operator, left, right)


def render_bounded(template: jinja2.Template, variables: Mapping[str, Any]) -> str:
    """Render a template.

    Raises:
        jinja2.TemplateError: The text is longer than :data:`MAX_CHARACTERS`.
    """
    pieces, length = [], 0
    for piece in template.generate(variables):
        length += len(piece)
        if length > MAX_CHARACTERS:
            raise jinja2.TemplateError(f"the prompt is longer than {MAX_CHARACTERS:,} characters")
        pieces.append(piece)
    return "".join(pieces)
