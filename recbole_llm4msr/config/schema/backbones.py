"""Options of the backbones: the keys of their files in ``properties/model``.

Models share keys; the comment in a model's file says what a key means for that model.
"""

from __future__ import annotations

from recbole_llm4msr.config.schema.option import Option

BACKBONES: dict[str, Option] = {
    "mlp_hidden_size": Option(
        "list of int",
        "Widths of the hidden layers of the network, or of each of the networks.",
    ),
    "n_clusters": Option("int", "Number of clusters of rows."),
    "routing_rate": Option("float", "Weight of the old cluster centre in the new one."),
    "routing_iterations": Option("int", "Routing iterations in a training batch."),
    "routing_temperature": Option(
        "float",
        "Temperature of the similarity between rows and centres.",
    ),
    "dropout_prob": Option("float", "Dropout probability before every hidden layer."),
    "embedding_size": Option("int", "Width of a field's embedding."),
    "tower_hidden_size": Option("list of int", "Widths of the hidden layers of a tower."),
    "generated_rank": Option("int", "Rank of a layer's weight, and width of its generated core."),
    "overparameterized_size": Option(
        "int",
        "Inner width of the shared factors of a weight as products; 0 for plain matrices.",
    ),
    "pruner_form": Option(
        "str",
        "Kind of a neuron's factor: binarization, scaling or fusion.",
        choices=("binarization", "scaling", "fusion"),
    ),
    "pruner_beta": Option("float", "Largest factor of a neuron (scaling and fusion)."),
    "pruner_epsilon": Option(
        "float",
        "Neurons with a factor up to this are pruned (binarization and fusion).",
    ),
    "alpha_start": Option(
        "float",
        "Sharpness of the factors at the start (binarization and fusion).",
    ),
    "alpha_step": Option("float", "Increase of the sharpness per training batch."),
    "alpha_max": Option("float", "Largest sharpness."),
    "sparsity_weight": Option(
        "float",
        "Weight of the sparsity regularisation in the loss at the start, growing with alpha; "
        "0 for none.",
    ),
    "sparsity_range": Option(
        "list of float",
        "Share of pruned neurons that a layer may have without regularisation.",
    ),
    "stitch_self": Option(
        "float",
        "Initial weight of a network's own layers; the others share the rest.",
    ),
    "gate_hidden_size": Option("int", "Width of a gate's hidden layer."),
    "n_adapters": Option("int", "How many of the last hidden layers have an adapter."),
    "adapter_size": Option("int", "Width of an adapter's bottleneck."),
    "hyper_hidden_size": Option("list of int", "Widths of the hyper network's hidden layers."),
    "hyper_rank": Option("int", "Rank of the generated weights."),
    "batch_norm": Option(
        "bool",
        "Whether batch normalisation stands in front of every ReLU, as in the authors' code.",
    ),
    "expert_num": Option("int", "Number of experts that all scenarios share."),
    "expert_hidden_size": Option("list of int", "Widths of an expert's layers."),
    "meta_tower_layers": Option("int", "Number of generated layers of the meta tower."),
    "domain_hidden_size": Option(
        "int",
        "Width of the first layer: the product of a shared weight and the scenario's.",
    ),
    "expert_size": Option("int", "Width of an expert."),
    "alpha_scenario": Option(
        "float",
        "Weight of the scenario experts at the start, between 0 and 1.",
    ),
    "alpha_task": Option("float", "Weight of the task expert at the start, between 0 and 1."),
    "beta_scenario": Option(
        "float",
        "Share of a scenario's own expert among the scenarios' at the start.",
    ),
    "prior_fields": Option(
        "list of str",
        "Fields whose embeddings the gates read; None: the user's and the item's id.",
    ),
    "n_levels": Option("int", "Number of extraction levels."),
    "shared_expert_num": Option("int", "Number of experts that all scenarios share."),
    "specific_expert_num": Option("int", "Number of experts of each scenario."),
    "aux_hidden_size": Option("list of int", "Widths of the auxiliary network's hidden layers."),
    "partitioned_norm": Option(
        "bool",
        "Whether the input is normalised with statistics per scenario, as published.",
    ),
}
