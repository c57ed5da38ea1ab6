"""Prompts: templates, histories, scenario statistics, folds, and cutting to the token budget."""
