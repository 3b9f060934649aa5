"""Takes the screenshots in the documentation from a fresh run; `make pictures`."""
