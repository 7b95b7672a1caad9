"""A trained model that one can use."""
