"""The SQL statements of the pages; each returns a limited number of rows.

What goes here: plain SQL, with `%(name)s` for parameters. What stays out: running it (in
`reading`).

`{amount @ time}` is replaced by the conversion to the reader's currency; see `reading.converted`.
"""

SOURCES = """
    SELECT DISTINCT source FROM marts.coin_latest ORDER BY source
"""
CURRENCIES = """
    SELECT DISTINCT symbol FROM warehouse.fx_rates
    WHERE observed_at > (SELECT max(observed_at) FROM warehouse.fx_rates) - interval '1 day'
    UNION
    SELECT symbol FROM warehouse.ecb_rates
    WHERE day > (SELECT max(day) FROM warehouse.ecb_rates) - 7
    ORDER BY symbol
"""

MARKET_NOW = """
    SELECT sum({market_cap_usd @ observed_at}) AS market_cap,
        sum({volume_usd_24h @ observed_at}) AS volume,
        100 * sum(market_cap_usd) FILTER (WHERE coin_id = 'bitcoin')
            / nullif(sum(market_cap_usd), 0) AS dominance_pct,
        count(*) AS coins, max(observed_at) AS observed_at,
        count(*) FILTER (WHERE change_pct_24h > 0) AS gainers,
        count(*) FILTER (WHERE change_pct_24h < 0) AS losers
    FROM marts.coin_latest
    WHERE observed_at > (SELECT max(observed_at) FROM warehouse.coin_prices) - interval '1 day'
"""
MARKET_DAYS = """
    SELECT day, {market_cap_usd @ least(day + interval '1 day', now())} AS market_cap,
        {volume_usd_24h @ least(day + interval '1 day', now())} AS volume, btc_dominance_pct,
        is_market_cap_derived
    FROM marts.market_daily WHERE day > current_date - %(days)s ORDER BY day
"""
COINS_NOW = """
    SELECT coin_id, symbol, name, rank, change_pct_24h, observed_at,
        {price_usd @ observed_at} AS price, {market_cap_usd @ observed_at} AS market_cap,
        {volume_usd_24h @ observed_at} AS volume
    FROM marts.coin_latest ORDER BY rank, coin_id LIMIT 500
"""

COIN_NAMES = """
    SELECT coin_id, symbol, name FROM warehouse.coins ORDER BY rank, coin_id LIMIT 3000
"""
COIN = """
    SELECT coin_id, symbol, name, rank, change_pct_24h, observed_at, age_seconds, supply, source,
        {price_usd @ observed_at} AS price, {market_cap_usd @ observed_at} AS market_cap,
        {volume_usd_24h @ observed_at} AS volume
    FROM marts.coin_latest WHERE coin_id = %(coin)s
"""
CANDLES = """
    SELECT start_at, points, points_expected, source,
        {open @ end_at} AS open, {high @ end_at} AS high, {low @ end_at} AS low,
        {close @ end_at} AS close
    FROM (
        SELECT *, least(start_at + %(length)s, now()) AS end_at FROM marts.coin_candles
        WHERE coin_id = %(coin)s AND interval = %(interval)s AND start_at >= now() - %(range)s
    ) AS candles ORDER BY start_at
"""
# The last price of each step; the caller's step yields at most about 500 prices.
PRICES = """
    SELECT DISTINCT ON (step) date_bin(%(step)s, observed_at, timestamptz '2018-01-01 00:00Z')
        AS step, observed_at, {price_usd @ observed_at} AS price, origin
    FROM (
        SELECT observed_at, price_usd, 'snapshot' AS origin FROM warehouse.coin_prices
        WHERE coin_id = %(coin)s AND observed_at >= now() - %(range)s
        UNION ALL
        SELECT observed_at, price_usd, 'history' FROM warehouse.coin_price_history
        WHERE coin_id = %(coin)s AND observed_at >= now() - %(range)s
    ) AS points ORDER BY step, observed_at DESC
"""
COIN_GAPS = """
    SELECT greatest(gap_start, now() - %(range)s) AS gap_start, gap_end, unfillable
    FROM warehouse.gaps
    WHERE coin_id = %(coin)s AND healed_at IS NULL AND gap_end > now() - %(range)s
    ORDER BY gap_start LIMIT 200
"""
# A raw id is `<coin>@<time>@<hash>`, or `<coin>@<interval>@<time>@<hash>` for history.
COIN_QUARANTINE = """
    SELECT raw_id, reasons, left(payload, 2000) AS payload FROM warehouse.quarantine
    WHERE starts_with(raw_id, %(coin)s || '@') AND first_seen_at >= now() - %(range)s
    ORDER BY first_seen_at DESC LIMIT 200
"""
COIN_DAYS = """
    SELECT day, {close @ least(day + interval '1 day', now())} AS close, return_pct,
        volatility_7d_pct, volatility_30d_pct, drawdown_from_peak_pct
    FROM marts.coin_daily WHERE coin_id = %(coin)s AND day > current_date - %(days)s ORDER BY day
"""
COMPARED = """
    SELECT coin_id, day, {close @ least(day + interval '1 day', now())} AS close
    FROM marts.coin_daily WHERE coin_id = ANY(%(coins)s) AND day > current_date - %(days)s
    ORDER BY coin_id, day
"""

LOADED = """
    SELECT DISTINCT ON (asset) asset, partition_key, raw_rows, loaded_rows, quarantined_rows,
        superseded_rows, loaded_at, run_id
    FROM warehouse.loads WHERE expired_at IS NULL ORDER BY asset, loaded_at DESC
"""
MARTS_LOADED = """
    SELECT DISTINCT ON (asset) asset, partition_key, NULL::bigint AS raw_rows, loaded_rows,
        NULL::bigint AS quarantined_rows, NULL::bigint AS superseded_rows, loaded_at, run_id
    FROM warehouse.mart_loads ORDER BY asset, loaded_at DESC
"""
BATCHES = """
    SELECT asset, partition_key, published_at, rows_written, rows_removed, quarantined_rows, run_id
    FROM warehouse.load_history WHERE published_at > now() - interval '30 days'
    ORDER BY publication DESC LIMIT 200
"""
# Dagster knows these runs, unless it belongs to another installation.
PUBLISHED_BY = """
    (SELECT run_id FROM warehouse.load_history ORDER BY publication DESC LIMIT 100)
    UNION (SELECT run_id FROM warehouse.mart_loads ORDER BY loaded_at DESC LIMIT 100)
"""
PIPELINE_DAYS = """
    SELECT day, lag_seconds, raw_rows, quarantined_rows, quarantine_share_pct, credits
    FROM warehouse.pipeline_daily WHERE day > current_date - 30 ORDER BY day
"""
QUARANTINE = """
    SELECT reason, count(*) AS documents, max(first_seen_at) AS newest
    FROM warehouse.quarantine, unnest(reasons) AS reason
    GROUP BY reason ORDER BY documents DESC, reason LIMIT 30
"""
QUARANTINE_EXAMPLES = """
    SELECT raw_id, asset, partition_key, reasons, left(payload, 400) AS payload, first_seen_at
    FROM warehouse.quarantine WHERE %(reason)s = ANY(reasons)
    ORDER BY first_seen_at DESC NULLS LAST, raw_id LIMIT 5
"""
GAPS = """
    SELECT coin_id, interval, count(*) AS gaps, min(gap_start) AS first, max(gap_end) AS last,
        sum(extract(epoch FROM gap_end - gap_start)) AS seconds, bool_and(unfillable) AS unfillable
    FROM warehouse.gaps WHERE healed_at IS NULL
    GROUP BY coin_id, interval ORDER BY seconds DESC, coin_id LIMIT 50
"""
