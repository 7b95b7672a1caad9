"""From RecBole's atomic files to batches: protocols, negative sampling, loaders, datasets."""
