"""Histories and stores of the tests of knowledge, for its command."""

from tests.knowledge.conftest import history, offline, settings

__all__ = ["history", "offline", "settings"]
