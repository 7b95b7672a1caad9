"""A trained model as a folder that needs no data: weights, settings, vocabularies, tables of items and users."""
