"""Models of the transformers library as encoders."""
