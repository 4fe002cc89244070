-- Schema 4: when a run that goes on was last heard of. Of those that went on before, what they set and measured tells it.

ALTER TABLE run ADD COLUMN heard INTEGER;
UPDATE run SET heard = max(
    start_time,
    coalesce((SELECT max(timestamp) FROM metric_latest WHERE metric_latest.run = run.number), 0),
    coalesce((SELECT max(set_at) FROM tag WHERE tag.run = run.number), 0)
) WHERE status = 0;
CREATE INDEX run_heard ON run (heard) WHERE status = 0;
