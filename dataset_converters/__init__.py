"""Published raw logs in, RecBole atomic files with a scenario field out.

Command line: ``python -m dataset_converters --help``. The package stands alone: it needs neither
RecBole nor recbole_llm4msr.
"""
