"""Describes in one sentence an error that Dagster stored.

What goes here: finding the sentence. What stays out: reading events (in `last_runs` and in
`operations.events`). Dagster is not imported, because commands import this module early.
"""

from typing import TYPE_CHECKING

from cryptoassets.shortages import remedy_of

if TYPE_CHECKING:
    import dagster as dg


def sentence_of(error: "dg.SerializableErrorInfo | None") -> str:
    """Return the message of the first of this project's own errors in the chain of causes.

    If there is none, return the message of the last error, with a remedy for resource shortages.
    """
    text = "failed"
    while error is not None:
        text = str(error.message).strip()
        kind, _, words = text.partition(": ")
        if kind.startswith("cryptoassets.errors."):
            return words
        error = error.cause
    remedy = remedy_of(text)
    return f"{text.partition(chr(10))[0]}. {remedy}" if remedy else text
