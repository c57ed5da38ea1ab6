"""Optimisers of large embedding tables."""
