"""Fixtures of the knowledge tests, for the tests of the command ``knowledge``."""

from tests.knowledge.conftest import history, offline, settings

__all__ = ["history", "offline", "settings"]
