"""Figures of runs and data, one kind per file; they read records and samples, and need no torch."""
