"""The flow that docs/extending.md adds, tested with every part of the product."""
