"""Options of the meta levels: the keys of ``properties/model/LLM4MSR.yaml``."""

from __future__ import annotations

from recbole_llm4msr.config.schema.option import Option

LLM4MSR: dict[str, Option] = {
    "use_user_meta": Option(
        "bool",
        "Whether user-level meta layers are applied to the embedded row, below the backbone.",
    ),
    "use_scenario_meta": Option(
        "bool",
        "Whether scenario-level meta layers run in parallel with the backbone.",
    ),
    "use_item_meta": Option(
        "bool",
        "Whether item knowledge (item_knowledge) interacts with user knowledge.",
    ),
    "user_meta_layers": Option("int", "Number of user-level meta layers."),
    "scenario_meta_layers": Option(
        "int",
        "Number of hidden layers of the generated scenario towers.",
    ),
    "scenario_meta_hidden_size": Option("int", "Width of those hidden layers."),
    "meta_rank": Option("int or str", "Generated user-level weights: a rank, `full` or `diag`."),
    "meta_plan": Option(
        "str",
        "How user-level weights are generated: per row (rows), once per user of a batch "
        "(users), or the cheaper way (auto).",
        choices=("auto", "rows", "users"),
    ),
    "meta_code_size": Option(
        "int",
        "Width of the code that a meta network computes from knowledge.",
    ),
    "meta_dropout_prob": Option("float", "Dropout probability on that code."),
    "meta_weight_decay": Option(
        "float",
        "Decoupled weight decay of the meta networks (AdamW): a step shrinks them by "
        "learning_rate times this; the backbone has weight_decay.",
    ),
    "item_meta_rank": Option(
        "int",
        "Width of the generated interaction of user and item knowledge.",
    ),
    "item_meta_code_size": Option("int", "Width of the code that it computes from user knowledge."),
}
