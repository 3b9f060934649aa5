-- Released: never change these statements; write a new revision instead.
CREATE TABLE warehouse.alerts (
    kind text NOT NULL,
    subject text NOT NULL,
    opened_at timestamptz NOT NULL,
    since timestamptz NOT NULL,
    severity text NOT NULL,
    message text NOT NULL,
    place text NOT NULL,
    remedy text NOT NULL,
    run_id text,
    cleared_at timestamptz,
    start_sent_to text[] NOT NULL,
    clear_sent_to text[] NOT NULL,
    PRIMARY KEY (kind, subject, opened_at)
);
CREATE UNIQUE INDEX ON warehouse.alerts (kind, subject) WHERE cleared_at IS NULL;
COMMENT ON TABLE warehouse.alerts IS
    'Conditions that need attention: one row per condition that is open, or whose messages are not all sent yet.';
COMMENT ON COLUMN warehouse.alerts.kind IS 'Kind of the condition, e.g. failed_run, stale_price';
COMMENT ON COLUMN warehouse.alerts.subject IS 'What it concerns: a job, a check, a table, a disk';
COMMENT ON COLUMN warehouse.alerts.opened_at IS 'When an evaluation first found it, UTC';
COMMENT ON COLUMN warehouse.alerts.since IS 'When it began, UTC';
COMMENT ON COLUMN warehouse.alerts.severity IS 'error or warning';
COMMENT ON COLUMN warehouse.alerts.message IS 'What is wrong, in one sentence';
COMMENT ON COLUMN warehouse.alerts.place IS 'Where: partition, job, table or folder';
COMMENT ON COLUMN warehouse.alerts.remedy IS 'What to do about it';
COMMENT ON COLUMN warehouse.alerts.run_id IS 'Dagster run that shows it; null if none';
COMMENT ON COLUMN warehouse.alerts.cleared_at IS 'When an evaluation no longer found it, UTC; null means that it is open';
COMMENT ON COLUMN warehouse.alerts.start_sent_to IS 'Digests of the addresses that got the first message';
COMMENT ON COLUMN warehouse.alerts.clear_sent_to IS 'Digests of the addresses that got the all-clear';

CREATE TABLE warehouse.last_runs (
    job text NOT NULL,
    run_id text NOT NULL,
    partition_key text,
    outcome text NOT NULL,
    ended_at timestamptz NOT NULL,
    duration_seconds numeric(38, 18),
    PRIMARY KEY (job)
);
COMMENT ON TABLE warehouse.last_runs IS
    'The last ended run of each job, as the latest evaluation of alerts found it.';
COMMENT ON COLUMN warehouse.last_runs.job IS 'Dagster job';
COMMENT ON COLUMN warehouse.last_runs.run_id IS 'Dagster run';
COMMENT ON COLUMN warehouse.last_runs.partition_key IS 'Dagster partition or range';
COMMENT ON COLUMN warehouse.last_runs.outcome IS 'succeeded, failed, killed or canceled';
COMMENT ON COLUMN warehouse.last_runs.ended_at IS 'When the run ended, UTC';
COMMENT ON COLUMN warehouse.last_runs.duration_seconds IS 'How long the run took; null means that it was killed or never started';

-- This index stays small: few gaps are open at a time, however many have been healed.
CREATE INDEX ON warehouse.gaps (interval, gap_start) WHERE healed_at IS NULL AND NOT unfillable;
