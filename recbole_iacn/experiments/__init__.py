"""Experiments: many runs from one file, queued, stored and searched."""
