#!/bin/bash
# Replaces the platform's data with a backup: restore.sh FOLDER. Asks first, unless YES=1 is set.
set -euo pipefail
cd "$(dirname "$0")/../.."
. docker/backup/compose.sh
folder=${1:?usage: restore.sh FOLDER}
[ -e "$folder/complete" ] || { echo "$folder is not a complete backup" >&2; exit 1; }
if [ "${YES:-}" != 1 ]; then
    read -rp "This replaces all data of the platform with the backup in $folder. Type yes: " answer
    [ "$answer" = yes ] || exit 1
fi
# Stop all services, because none may write during the restore. Then start the databases, and create
# the roles that will own the restored tables.
compose down
compose run --rm postgres-init
compose run --rm mongo-init
for database in bigdata_db dagster airflow; do
    echo "PostgreSQL: $database"
    compose exec -T postgres pg_restore -U admin -d postgres --clean --if-exists --create \
        --exit-on-error < "$folder/$database.dump"
done
run() { compose run --rm --no-deps -T "$@"; }
echo "Cleaned files"
run spark-consumer sh -c 'find /var/lib/clean -mindepth 1 -delete; tar -C /var/lib/clean -xzf -' < "$folder/clean.tar.gz"
echo "MongoDB"
(cd "$folder" && tar -cf - -- *.bson.gz) | run producer python docker/backup/lake.py restore
compose up -d
