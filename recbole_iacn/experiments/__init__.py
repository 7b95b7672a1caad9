"""Experiments: many runs from one file, and what they say."""
