#!/bin/sh
# Starts a Spark worker. Its tasks read the stores' URLs from files, because every executor inherits
# the environment of the worker's Java, and Spark's pages show it.
set -eu
(
    umask 077
    printf '%s\n' "$EXECUTOR_MONGO_URL" > "$MONGO_URL_FILE"
    printf '%s\n' "$EXECUTOR_POSTGRES_URL" > "$POSTGRES_URL_FILE"
)
unset EXECUTOR_MONGO_URL EXECUTOR_POSTGRES_URL
exec "$SPARK_HOME/bin/spark-class" org.apache.spark.deploy.worker.Worker "$@"
