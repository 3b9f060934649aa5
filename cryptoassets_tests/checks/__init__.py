"""The checks: what they find and how they say it."""
