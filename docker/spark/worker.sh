#!/bin/sh
# Starts a Spark worker. Its tasks read the stores' URLs from files: what stands in the environment
# of its Java is inherited by every executor, and shown on Spark's pages.
set -eu
(
    umask 077
    printf '%s\n' "$EXECUTOR_MONGO_URL" > "$MONGO_URL_FILE"
    printf '%s\n' "$EXECUTOR_POSTGRES_URL" > "$POSTGRES_URL_FILE"
)
unset EXECUTOR_MONGO_URL EXECUTOR_POSTGRES_URL
exec "$SPARK_HOME/bin/spark-class" org.apache.spark.deploy.worker.Worker "$@"
