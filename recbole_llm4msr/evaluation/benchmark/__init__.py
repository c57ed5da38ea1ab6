"""Comparing models: plan, execution, statistics, report."""
