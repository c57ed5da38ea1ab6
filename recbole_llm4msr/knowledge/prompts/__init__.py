"""Prompts: templates, histories, scenario statistics, folds and the token budget."""
