"""End to end: the product as a user runs it, with real servers."""
