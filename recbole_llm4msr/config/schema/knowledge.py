"""Options of knowledge: the keys of ``properties/knowledge.yaml``."""

from __future__ import annotations

from recbole_llm4msr.config.schema.option import Option

KNOWLEDGE: dict[str, Option] = {
    "knowledge": Option(
        "str",
        "lsa, transformers, endpoint, random or none.",
        choices=("lsa", "transformers", "endpoint", "random", "none"),
    ),
    "llm": Option(
        "str",
        "Model of `transformers` (a folder or a hub id) or of `endpoint` (the "
        "name it serves); selects `knowledge` where that is not set.",
    ),
    "knowledge_mode": Option(
        "str",
        "prefill: hidden state of the prompt. generate: state and text of the last decoded step.",
        choices=("prefill", "generate"),
    ),
    "knowledge_layer": Option(
        "int",
        "Layer whose states are kept; -1 is the last, 1 the first block.",
    ),
    "knowledge_pooling": Option(
        "str",
        "last, mean, eol (PromptEOL) or auto (mean for encoders, last for decoders).",
        choices=("auto", "last", "mean", "eol"),
    ),
    "knowledge_dtype": Option(
        "str",
        "float32, bfloat16, float16 or auto (bfloat16 where the device supports it).",
        choices=("auto", "float32", "bfloat16", "float16"),
    ),
    "knowledge_device": Option("str", "cpu, cuda, cuda:1, ... or auto."),
    "knowledge_batch_tokens": Option(
        "int", "Tokens of one batch, padding included; empty: the default of the device."
    ),
    "knowledge_share_prefix": Option(
        "bool",
        "Compute the common prefix of all prompts only once (decoders).",
    ),
    "knowledge_compile": Option("bool", "Compile the model with torch.compile."),
    "knowledge_seed": Option(
        "int",
        "Seed of random, of sampling, of the folds and of the decompositions.",
    ),
    "knowledge_size": Option(
        "int",
        "Width of the compressed vectors; smaller where the data has fewer directions.",
    ),
    "knowledge_whiten": Option("bool", "Give every compressed component unit variance."),
    "knowledge_path": Option(
        "str",
        "Folder of the store; empty: `knowledge` in the data set's folder.",
    ),
    "knowledge_build": Option(
        "bool",
        "Encode the prompts that the store lacks; False: stop with an error instead.",
    ),
    "knowledge_chunk_tokens": Option(
        "int",
        "Tokens of one chunk of the store, the most work that a killed build loses.",
    ),
    "knowledge_keep_prompts": Option(
        "bool",
        "Keep all rendered prompts beside their vectors (compressed jsonl).",
    ),
    "knowledge_min_coverage": Option(
        "float",
        "Warn when a smaller share of the users have a prompt of their own.",
    ),
    "prompt_template": Option(
        "str",
        "short_video, product, movie, generic, or a yaml file of your own.",
    ),
    "prompt_language": Option("str", "en or zh.", choices=("en", "zh")),
    "prompt_form": Option(
        "str",
        "full (instructions), compact (contents only) or auto (full for decoders).",
        choices=("auto", "full", "compact"),
    ),
    "prompt_max_tokens": Option(
        "int",
        "Longest prompt; empty: 256 for encoders, 512 for decoders, or the model's limit.",
    ),
    "prompt_history": Option("int", "Items per scenario in a user's prompt, newest first."),
    "prompt_categories": Option("int", "Frequent categories per scenario in a prompt."),
    "item_text_fields": Option(
        "list",
        "Columns of the .item file that make an item's text; empty: all text "
        "columns (token_seq) but the category.",
    ),
    "item_category_field": Option("str", "Column of the .item file that holds an item's category."),
    "interaction_threshold": Option(
        "int",
        "Training interactions, of any label, that a user needs for a prompt of their own.",
    ),
    "knowledge_folds": Option(
        "int",
        "Cross-fitting: a row is trained with a prompt that leaves out its fold, "
        "one of at most K of its user's rows; 1: off.",
    ),
    "item_knowledge": Option("bool", "Also encode the texts of the items."),
    "generate_max_tokens": Option("int", "Most tokens to decode."),
    "generate_temperature": Option("float", "0 decodes greedily."),
    "endpoint_url": Option(
        "str",
        "Base address of an OpenAI-compatible server, such as http://localhost:8000/v1.",
    ),
    "endpoint_key_variable": Option(
        "str",
        "Environment variable of the key; the key is never stored and sent to endpoint_url alone.",
    ),
    "endpoint_concurrency": Option("int", "Concurrent requests."),
    "endpoint_batch": Option("int", "Prompts per request."),
    "endpoint_retries": Option(
        "int",
        "Retries of a request after a temporary failure.",
    ),
    "endpoint_timeout": Option("float", "Seconds to wait for one answer."),
    "knowledge_features": Option(
        "str",
        "pca:N (N float fields) or kmeans:N (one token field) in user_feat.",
    ),
}
