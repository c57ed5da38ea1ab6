"""Training: the trainer, optimisers, gradients averaged over processes."""
