-- Released: never change these statements. If the column is null for a partition's
-- latest publication, the next publication writes the whole partition.
ALTER TABLE warehouse.load_history ADD COLUMN files_hash text;
COMMENT ON COLUMN warehouse.load_history.files_hash IS
    'Hash of the published Parquet files'' names and of the code that published them; null means that the rows came from elsewhere';
