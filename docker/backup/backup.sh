#!/bin/bash
# Backs up the platform while it runs: backup.sh FOLDER. Needs only docker-compose or Docker's plugin.
# PostgreSQL comes first and MongoDB last, so everything that PostgreSQL refers to is in the cleaned
# files and in MongoDB. Documents that arrive during the backup are published after the restore.
set -euo pipefail
cd "$(dirname "$0")/../.."
. docker/backup/compose.sh
folder=${1:?usage: backup.sh FOLDER}
umask 077
mkdir -p "$(dirname "$folder")"
# Fails if the folder exists: an earlier backup must not be mixed with this one.
mkdir "$folder"
for database in bigdata_db dagster airflow; do
    echo "PostgreSQL: $database"
    compose exec -T postgres pg_dump -U admin -Fc "$database" > "$folder/$database.dump"
done
echo "Cleaned files"
# tar exits with 1 if a file is deleted while tar reads the folder; this is not an error here.
compose exec -T spark-consumer sh -c 'tar -C /var/lib/clean -czf - . || [ $? = 1 ]' > "$folder/clean.tar.gz"
lake() { compose exec -T producer python docker/backup/lake.py "$@"; }
collections=$(lake collections)
for collection in $collections; do
    echo "MongoDB: $collection"
    lake dump "$collection" > "$folder/$collection.bson.gz"
done
touch "$folder/complete"
echo "The backup is in $folder"
