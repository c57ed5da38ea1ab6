"""The speed benchmark: its figures, and how measurements are run and stored."""
