"""Training: the trainer, the optimisers, gradient averaging over processes."""
