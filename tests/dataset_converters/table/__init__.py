"""Tests of the table converter."""
