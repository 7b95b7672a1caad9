"""The training loop and what it holds: trainer, optimizer, checkpoints, metrics."""
