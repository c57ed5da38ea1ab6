"""Tests of the MovieLens 1M converter."""
