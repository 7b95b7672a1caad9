"""The multi-interest family: retrieval models with several vectors per user."""
