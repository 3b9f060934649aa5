CREATE TABLE warehouse.fx_rates (
    currency text NOT NULL,
    symbol text NOT NULL,
    observed_at timestamptz NOT NULL,
    usd_per_unit numeric(38, 18) NOT NULL,
    type text NOT NULL,
    source text NOT NULL,
    fetched_at timestamptz NOT NULL,
    raw_id text NOT NULL,
    PRIMARY KEY (currency, observed_at)
);
CREATE INDEX fx_rates_observed_at ON warehouse.fx_rates (observed_at);
CREATE INDEX fx_rates_symbol ON warehouse.fx_rates (symbol, observed_at);

COMMENT ON TABLE warehouse.fx_rates IS
    'Exchange rates of currencies to the US dollar: one row per currency and observation.';
COMMENT ON COLUMN warehouse.fx_rates.currency IS 'CoinCap''s id of the currency, e.g. euro';
COMMENT ON COLUMN warehouse.fx_rates.symbol IS 'Symbol of the currency, e.g. EUR';
COMMENT ON COLUMN warehouse.fx_rates.observed_at IS 'Market time of the observation, UTC';
COMMENT ON COLUMN warehouse.fx_rates.usd_per_unit IS 'Price of one unit of the currency, US dollars';
COMMENT ON COLUMN warehouse.fx_rates.type IS 'fiat or crypto';
COMMENT ON COLUMN warehouse.fx_rates.source IS
    'Where the row comes from: coincap, simulator or replay';
COMMENT ON COLUMN warehouse.fx_rates.fetched_at IS
    'When the answer was received, UTC, by this platform''s clock';
COMMENT ON COLUMN warehouse.fx_rates.raw_id IS 'The _id of the raw document in MongoDB';

CREATE TABLE warehouse.ecb_rates (
    symbol text NOT NULL,
    day date NOT NULL,
    usd_per_unit numeric(38, 18) NOT NULL,
    source text NOT NULL,
    fetched_at timestamptz NOT NULL,
    PRIMARY KEY (symbol, day)
);

COMMENT ON TABLE warehouse.ecb_rates IS
    'Daily reference rates of the European Central Bank: one row per currency and business day.';
COMMENT ON COLUMN warehouse.ecb_rates.symbol IS 'Symbol of the currency, e.g. EUR';
COMMENT ON COLUMN warehouse.ecb_rates.day IS 'UTC day';
COMMENT ON COLUMN warehouse.ecb_rates.usd_per_unit IS
    'Price of one unit of the currency, US dollars';
COMMENT ON COLUMN warehouse.ecb_rates.source IS 'Always ecb: a daily rate, not one of a moment';
COMMENT ON COLUMN warehouse.ecb_rates.fetched_at IS 'When the file was read, UTC';

CREATE FUNCTION warehouse.ecb_usd_per_unit_on(symbol text, day date) RETURNS numeric
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT last.usd_per_unit
    FROM (
        SELECT rates.day, rates.usd_per_unit FROM warehouse.ecb_rates AS rates
        WHERE rates.symbol = $1 AND rates.day <= $2 AND rates.day > $2 - 5
        ORDER BY rates.day DESC LIMIT 1
    ) AS last
    WHERE last.day = $2
        -- Saturday and Sunday have the rate of Friday.
        OR (extract(isodow FROM last.day) = 5 AND $2 - last.day <= 2)
        -- A holiday: later days have rates.
        OR EXISTS (
            SELECT FROM warehouse.ecb_rates AS later WHERE later.symbol = $1 AND later.day > $2
        )
$$;
COMMENT ON FUNCTION warehouse.ecb_usd_per_unit_on IS
    'The ECB''s rate of a day, US dollars per unit; weekends and holidays have that of the last '
    'business day. Null if there is none.';

CREATE FUNCTION warehouse.usd_per_unit_at(currency text, moment timestamptz) RETURNS numeric
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN upper($1) = 'USD' OR lower($1) = 'united-states-dollar' THEN 1.0 ELSE coalesce(
        (
            SELECT rates.usd_per_unit FROM warehouse.fx_rates AS rates
            WHERE rates.symbol = upper($1)
                AND rates.observed_at <= $2 AND rates.observed_at > $2 - interval '24 hours'
            ORDER BY rates.observed_at DESC, rates.type DESC LIMIT 1
        ),
        (
            SELECT rates.usd_per_unit FROM warehouse.fx_rates AS rates
            WHERE rates.currency = lower($1)
                AND rates.observed_at <= $2 AND rates.observed_at > $2 - interval '24 hours'
            ORDER BY rates.observed_at DESC LIMIT 1
        ),
        warehouse.ecb_usd_per_unit_on(
            coalesce(
                (
                    SELECT rates.symbol FROM warehouse.fx_rates AS rates
                    WHERE rates.currency = lower($1) LIMIT 1
                ),
                upper($1)
            ),
            ($2 AT TIME ZONE 'UTC')::date
        )
    ) END
$$;
COMMENT ON FUNCTION warehouse.usd_per_unit_at IS
    'US dollars per unit of a currency (symbol or CoinCap''s id) at a moment: the last rate of the '
    '24 hours before it, else the ECB''s rate of its UTC day. Null if there is none.';

CREATE FUNCTION warehouse.price_in(price_usd numeric, currency text, at timestamptz)
RETURNS numeric
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    -- Division would round twice. div() of whole numbers is exact: half up at the 18th place.
    SELECT sign($1) * div(2e18 * abs($1) + rate, 2 * rate) * 1e-18
    FROM warehouse.usd_per_unit_at($2, $3) AS rate
$$;
COMMENT ON FUNCTION warehouse.price_in IS
    'A price in US dollars, converted to a currency (symbol or CoinCap''s id) by the rate of a '
    'moment, rounded half up at the 18th decimal place. Null if no rate is valid.';
