"""The error hierarchy that the docstring of `errors` draws matches the classes."""

import re

from cryptoassets import errors

_LINE = re.compile(r"( *)(?:\+ )?(\w+Error)\b")


def drawn_parents(drawing: str) -> dict[str, str | None]:
    """Return the parent of each error in the drawing."""
    branch: list[tuple[int, str]] = []
    parents: dict[str, str | None] = {}
    for line in drawing.splitlines():
        if found := _LINE.match(line):
            depth, name = len(found[1]), found[2]
            branch = [one for one in branch if one[0] < depth]
            parents[name] = branch[-1][1] if branch else None
            branch.append((depth, name))
    return parents


def test_the_drawing_shows_every_class_under_its_base() -> None:
    """Readers choose an `except` clause from the drawing."""
    base = errors.CryptoassetsError
    classes = [one for one in vars(errors).values() if isinstance(one, type)]
    parents = {
        one.__name__: None if one is base else one.__base__.__name__
        for one in classes
        if issubclass(one, base) and one.__module__ == errors.__name__
    }

    assert parents == drawn_parents(errors.__doc__ or "")


def test_the_body_of_a_malformed_response_is_empty_by_default() -> None:
    """The error can also mean that a readable response has no usable data, e.g. no valid point."""
    assert b"" == errors.MalformedResponseError("why", status=200, reason="no_data").body
