"""Describes in one sentence an error that Dagster stored.

What goes here: finding the sentence. What stays out: reading events (in `last_runs` and in
`operations.events`). Dagster is not imported, because commands import this module early.
"""

from typing import TYPE_CHECKING

from cryptoassets.shortages import shortage_message

if TYPE_CHECKING:
    import dagster as dg


def sentence_of(error: "dg.SerializableErrorInfo | None") -> str:
    """Follow the chain of causes; return the message of the first error that this project defines.

    If there is none, return the message of the innermost cause. If this message reports that a
    resource is exhausted, return the message's first line and a remedy.
    """
    text = "failed"
    while error is not None:
        text = str(error.message).strip()
        kind, _, words = text.partition(": ")
        if kind.startswith("cryptoassets.errors."):
            return words
        error = error.cause
    remedy = shortage_message(text)
    return f"{text.partition(chr(10))[0]}. {remedy}" if remedy else text
