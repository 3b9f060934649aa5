"""What all judged rows have alike: the outcome of each, and the cut that a publication needs.

What goes here: which of several answers counts, which contradict themselves, and ids that
PostgreSQL can hold. What stays out: the rules (in `rules`) and what a kind of document means (in
`prices`, `history`).
"""

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from cryptoassets.schemas import Flow

# An index entry of PostgreSQL holds 2,704 bytes; a character has at most 4.
MAX_ID_CHARACTERS = 600


def outcome(key: tuple[str, ...]) -> Column:
    """`quarantined` where `reasons` is not empty; else `valid` for the latest answer of a key.

    Args:
        key: columns that name what was observed; earlier answers for it are `superseded`.
    """
    is_broken = F.size("reasons") > 0
    latest_first = Window.partitionBy(*key, is_broken).orderBy(
        F.col("fetched_at").desc(), F.col("raw_id").desc()
    )
    is_latest = F.row_number().over(latest_first) == 1
    return (
        F.when(is_broken, F.lit("quarantined"))
        .when(is_latest, F.lit("valid"))
        .otherwise(F.lit("superseded"))
    )


def contradictions_named(key: tuple[str, ...]) -> Column:
    """`reasons`, or `contradictory_answer` where one answer has two values for one key.

    Both stay in raw, and none of them counts: nothing says which is true. An answer of another
    time is not touched.

    Args:
        key: columns that name what was observed.
    """
    is_broken = F.size("reasons") > 0
    of_one_answer = Window.partitionBy(*key, "fetched_at", is_broken)
    differs = F.min("payload").over(of_one_answer) != F.max("payload").over(of_one_answer)
    contradictory = F.array(F.lit("contradictory_answer"))
    return F.when(~is_broken & differs, contradictory).otherwise(F.col("reasons"))


def publication(judged: DataFrame, flow: Flow) -> DataFrame:
    """Cut judged rows down to what a publication needs.

    Args:
        judged: columns of `flow.clean`.
        flow: where the rows go.

    Returns:
        `flow.judged_columns`; `payload` is null unless the row is quarantined; as many rows as
        came in.
    """
    return judged.select(
        *(name for name in flow.published.column_names if name != "raw_id"),
        storable_id(F.col("raw_id")).alias("raw_id"),
        "outcome",
        "reasons",
        F.when(F.col("outcome") == "quarantined", F.col("payload")).alias("payload"),
    )


def storable_id(raw_id: Column) -> Column:
    """The raw `_id` as PostgreSQL can index it: no NUL, and at most 600 characters.

    A shortened one ends in the hash of the whole, so that no two meet.
    """
    escaped = F.replace(raw_id, F.lit("\x00"), F.lit("\\u0000"))
    shortened = F.concat(F.left(escaped, F.lit(500)), F.lit("..."), F.sha2(escaped, 256))
    return F.when(F.length(escaped) > MAX_ID_CHARACTERS, shortened).otherwise(escaped)
