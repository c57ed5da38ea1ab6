"""Comparison of models: studies, runs, tuning, statistics, tables and plots."""
