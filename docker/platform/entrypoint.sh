#!/bin/sh
# Passes secrets from files to the program, and sets the URL of the simulator's service if neither a
# key for CoinCap nor another URL is set. The compose file cannot express such conditions.
set -eu
[ -s "${COINCAP_API_KEY_FILE:-}" ] || unset COINCAP_API_KEY_FILE
[ -s "${CRYPTOASSETS_ALERT_URLS_FILE:-}" ] || unset CRYPTOASSETS_ALERT_URLS_FILE
if [ -z "${COINCAP_URL:-}${COINCAP_API_KEY_FILE:-}" ]; then
    export COINCAP_URL=http://coincap-simulator:8800
fi
if [ -n "${RPC_SECRET_FILE:-}" ]; then
    # Spark's master and workers read the secret of `spark.authenticate` from this variable.
    _SPARK_AUTH_SECRET="$(cat "$RPC_SECRET_FILE")"
    export _SPARK_AUTH_SECRET
fi
if [ -n "${SPARK_CONF_DIR:-}" ]; then
    # The driver needs the secret as a Spark option. It is written to a file, because others could see
    # it on a command line.
    mkdir -p "$SPARK_CONF_DIR"
    (
        umask 077
        cat docker/spark/spark-defaults.conf > "$SPARK_CONF_DIR/new.$$"
        printf 'spark.%s\n' "authenticate.secret $_SPARK_AUTH_SECRET" \
            "executor.memory $EXECUTOR_MEMORY" "driver.memory $DRIVER_MEMORY" \
            >> "$SPARK_CONF_DIR/new.$$"
    )
    mv "$SPARK_CONF_DIR/new.$$" "$SPARK_CONF_DIR/spark-defaults.conf"
fi
exec "$@"
