"""Experiments: many runs described by one file, with a queue, stored results and a hyperparameter search."""
