"""Everything that rejects wrong input: settings, files, and combinations of both. Called before any data are read."""
