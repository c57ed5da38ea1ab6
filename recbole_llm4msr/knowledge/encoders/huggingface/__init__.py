"""Encoders of the ``transformers`` library: hidden states by prefill or by generation."""
