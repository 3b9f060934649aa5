#!/bin/bash
# Once, on an empty volume: what is Dagster's and Airflow's stays apart from the user's database,
# and `analyst` may log in; what it may read is granted by the migrations.
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
