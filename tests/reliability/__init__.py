"""Trials of killed, damaged, concurrent and hostile runs; the command is ``tests/campaign.py``."""
