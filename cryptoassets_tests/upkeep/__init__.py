"""Looking after what is stored: gaps, and what is left of a backfill."""
