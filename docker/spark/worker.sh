#!/bin/sh
# Starts a Spark worker that listens on its address in the master's network. By default, the worker
# could choose its address in another network, where the master could not reach it.
set -eu
host="$(python -S -c "
import socket
probe = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
probe.connect(('spark-master', 7077))
print(probe.getsockname()[0])")"
exec "$SPARK_HOME/bin/spark-class" org.apache.spark.deploy.worker.Worker --host "$host" "$@"
