"""Vectors: compressed, ordered by id, for scenarios, and as features of other models."""
