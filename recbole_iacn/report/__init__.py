"""Reports of experiments: tables, statistical tests, curves and pages from their results."""
