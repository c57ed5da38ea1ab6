"""The speed benchmark: what each figure measures, and how a measurement is run and kept."""
