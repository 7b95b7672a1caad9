"""A trained model in use: scores, recommendations and interests for histories of tokens."""
