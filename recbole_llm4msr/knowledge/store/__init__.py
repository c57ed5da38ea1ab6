"""The store of vectors, addressed by content."""
