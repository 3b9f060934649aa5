#!/bin/bash
# Runs once, on an empty volume: creates separate databases for Dagster and Airflow, and the role
# `analyst`, which may log in; the migrations grant its read access.
set -euo pipefail
psql -v ON_ERROR_STOP=1 --no-password --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" \
    -v analyst="$ANALYST_PASSWORD" -v airflow="$AIRFLOW_DB_PASSWORD" -v product="$POSTGRES_DB" <<'SQL'
CREATE ROLE analyst LOGIN PASSWORD :'analyst';
CREATE ROLE airflow LOGIN PASSWORD :'airflow';
CREATE DATABASE airflow OWNER airflow;
CREATE DATABASE dagster;
REVOKE CONNECT ON DATABASE :"product", dagster, airflow FROM PUBLIC;
GRANT CONNECT ON DATABASE :"product" TO analyst;
SQL
