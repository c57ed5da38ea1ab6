"""From wide hidden states to the small vectors that a model reads."""
