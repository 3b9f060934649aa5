#!/bin/bash
# Runs once, on an empty volume: creates separate databases for Dagster and Airflow, and the roles
# `airflow` and `analyst`. The migrations grant read access to `analyst`; the job `postgres-init`
# creates the other roles.
set -euo pipefail
psql -v ON_ERROR_STOP=1 --no-password --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" \
    -v analyst="$(</run/cryptoassets/analyst-password)" \
    -v airflow="$(</run/cryptoassets/airflow-password)" -v product="$POSTGRES_DB" <<'SQL'
CREATE ROLE analyst LOGIN PASSWORD :'analyst';
ALTER ROLE analyst SET default_transaction_read_only = 'on';
ALTER ROLE analyst SET statement_timeout = '10min';
ALTER ROLE analyst SET lock_timeout = '5s';
ALTER ROLE analyst SET idle_in_transaction_session_timeout = '1min';
CREATE ROLE airflow LOGIN PASSWORD :'airflow';
CREATE DATABASE airflow OWNER airflow;
CREATE DATABASE dagster;
REVOKE CONNECT ON DATABASE :"product", dagster, airflow FROM PUBLIC;
GRANT CONNECT ON DATABASE :"product" TO analyst;
SQL
