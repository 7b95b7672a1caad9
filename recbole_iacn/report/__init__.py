"""What an experiment found: tables, tests, curves and pages from its results."""
