"""The store of vectors: chunks, prepared knowledge, maintenance and export."""
