"""Loaders: packed batches, blocks of a user's rows, sampling by scenario."""
