"""Train and evaluate a model: ``python run_recbole.py --model=LLM4MSR_STAR --dataset=ml-100k``."""

from recbole_llm4msr.__main__ import main

if __name__ == "__main__":
    main()
