"""Scenario-aware data sets, their loaders and the view of them that knowledge is made from."""
