"""Helpers that know nothing of recommenders: atomic files, collectives, hashes, versions."""
