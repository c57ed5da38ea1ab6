"""Convert published raw logs to RecBole atomic files with a scenario field.

Command line: ``python -m dataset_converters --help``. The package is independent: it imports
neither RecBole nor recbole_llm4msr.
"""
