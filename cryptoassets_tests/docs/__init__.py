"""Tests of the documentation: links, headings, pictures, and the generated reference."""
