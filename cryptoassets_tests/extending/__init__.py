"""The flow that docs/extending.md adds, and its way through the whole product."""
