"""Layers of new users from their interactions. Unlike scoring it needs RecBole and torch."""

from recbole_llm4msr.serving.new_users.layers import with_history

__all__ = ["with_history"]
