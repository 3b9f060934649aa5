"""Takes the pictures of the documentation from a fresh run; `make pictures`."""
