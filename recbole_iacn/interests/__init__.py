"""Do the interests of a trained model mean anything? Measures over a whole test set, each beside its controls."""
