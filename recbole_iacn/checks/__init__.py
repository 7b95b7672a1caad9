"""All that rejects wrong input: settings, files, and what must go together. Called before any data are read."""
