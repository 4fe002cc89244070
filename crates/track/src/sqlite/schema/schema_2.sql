-- Schema 2: what MLflow's protocol and the model registry need. docs/design/run-store.md explains the tables.

ALTER TABLE experiment ADD COLUMN updated INTEGER NOT NULL DEFAULT 0;
ALTER TABLE experiment ADD COLUMN artifact_location TEXT;
UPDATE experiment SET updated = created;

ALTER TABLE run ADD COLUMN deleted INTEGER;
ALTER TABLE run ADD COLUMN deleted_with INTEGER NOT NULL DEFAULT 0;
CREATE INDEX run_experiment ON run (experiment, lifecycle, start_time DESC, id);
CREATE INDEX run_name ON run (name);

ALTER TABLE metric_latest ADD COLUMN min_bits INTEGER;
ALTER TABLE metric_latest ADD COLUMN max_bits INTEGER;
DROP INDEX metric_latest_key;
CREATE INDEX metric_latest_key ON metric_latest (key, run, bits, min_bits, max_bits);
ALTER TABLE metric_chunk ADD COLUMN first_step INTEGER NOT NULL DEFAULT 0;
ALTER TABLE metric_chunk ADD COLUMN last_step INTEGER NOT NULL DEFAULT 0;
-- All that a reader asks before it reads a chunk: in the row, it lies behind the bytes.
DROP INDEX metric_chunk_run;
CREATE INDEX metric_chunk_run ON metric_chunk (run, key, first_step, last_step, points);

-- What one set of changes logged to a run; blocks and points count from the last time that they were folded.
CREATE TABLE metric_block (
    number INTEGER PRIMARY KEY,
    run INTEGER NOT NULL,
    blocks INTEGER NOT NULL,
    points INTEGER NOT NULL,
    data BLOB NOT NULL
) STRICT;
CREATE INDEX metric_block_run ON metric_block (run);

-- What filters ask for is in the index, but for long texts.
DROP INDEX param_key;
CREATE INDEX param_short ON param (key, value) WHERE length(value) <= 100;
CREATE INDEX param_long ON param (key) WHERE length(value) > 100;
DROP INDEX tag_key;
CREATE INDEX tag_short ON tag (key, value) WHERE length(value) <= 100;
CREATE INDEX tag_long ON tag (key) WHERE length(value) > 100;

CREATE INDEX applied_at ON applied (at);

CREATE TABLE dataset (
    number INTEGER PRIMARY KEY,
    experiment INTEGER NOT NULL REFERENCES experiment (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    digest TEXT NOT NULL,
    source_type TEXT NOT NULL,
    source TEXT NOT NULL,
    schema TEXT,
    profile TEXT,
    UNIQUE (experiment, name, digest)
) STRICT;

CREATE TABLE dataset_input (
    number INTEGER PRIMARY KEY,
    run INTEGER NOT NULL REFERENCES run (number) ON DELETE CASCADE,
    dataset INTEGER NOT NULL REFERENCES dataset (number) ON DELETE CASCADE,
    UNIQUE (run, dataset)
) STRICT;
CREATE INDEX dataset_input_dataset ON dataset_input (dataset);

CREATE TABLE dataset_input_tag (
    input INTEGER NOT NULL REFERENCES dataset_input (number) ON DELETE CASCADE,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (input, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE model_link (
    number INTEGER PRIMARY KEY,
    run INTEGER NOT NULL REFERENCES run (number) ON DELETE CASCADE,
    role INTEGER NOT NULL,
    model TEXT NOT NULL,
    step INTEGER NOT NULL,
    UNIQUE (run, role, model, step)
) STRICT;
CREATE INDEX model_link_model ON model_link (model, role);

CREATE TABLE logged_model (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    experiment INTEGER NOT NULL REFERENCES experiment (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    model_type TEXT,
    run TEXT,
    status INTEGER NOT NULL,
    message TEXT,
    created INTEGER NOT NULL,
    updated INTEGER NOT NULL,
    lifecycle INTEGER NOT NULL DEFAULT 0,
    deleted INTEGER,
    deleted_with INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX logged_model_experiment ON logged_model (experiment, lifecycle, created DESC, id);
CREATE INDEX logged_model_run ON logged_model (run) WHERE run IS NOT NULL;

CREATE TABLE logged_model_param (
    model INTEGER NOT NULL REFERENCES logged_model (number) ON DELETE CASCADE,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (model, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE logged_model_tag (
    model INTEGER NOT NULL REFERENCES logged_model (number) ON DELETE CASCADE,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (model, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE logged_model_metric (
    model INTEGER NOT NULL REFERENCES logged_model (number) ON DELETE CASCADE,
    key TEXT NOT NULL,
    step INTEGER NOT NULL,
    timestamp INTEGER NOT NULL,
    run TEXT NOT NULL,
    dataset_name TEXT NOT NULL,
    dataset_digest TEXT NOT NULL,
    bits INTEGER NOT NULL,
    PRIMARY KEY (model, key, step, timestamp, run, dataset_name, dataset_digest, bits)
) STRICT, WITHOUT ROWID;

CREATE TABLE logged_model_artifact (
    owner INTEGER NOT NULL REFERENCES logged_model (number) ON DELETE CASCADE,
    path TEXT NOT NULL,
    digest TEXT NOT NULL,
    size INTEGER NOT NULL,
    PRIMARY KEY (owner, path)
) STRICT, WITHOUT ROWID;

CREATE TABLE registered_model (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    description TEXT,
    created INTEGER NOT NULL,
    updated INTEGER NOT NULL,
    versions INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE registered_model_tag (
    model INTEGER NOT NULL REFERENCES registered_model (number) ON DELETE CASCADE,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (model, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE model_version (
    number INTEGER PRIMARY KEY,
    model INTEGER NOT NULL REFERENCES registered_model (number) ON DELETE CASCADE,
    version INTEGER NOT NULL,
    source TEXT NOT NULL,
    run TEXT,
    logged_model TEXT,
    status INTEGER NOT NULL,
    message TEXT,
    stage INTEGER NOT NULL DEFAULT 0,
    description TEXT,
    user TEXT NOT NULL,
    created INTEGER NOT NULL,
    updated INTEGER NOT NULL,
    UNIQUE (model, version)
) STRICT;
CREATE INDEX model_version_run ON model_version (run) WHERE run IS NOT NULL;
CREATE INDEX model_version_updated ON model_version (updated DESC);

CREATE TABLE registered_model_alias (
    model INTEGER NOT NULL,
    alias TEXT NOT NULL,
    version INTEGER NOT NULL,
    PRIMARY KEY (model, alias),
    FOREIGN KEY (model, version) REFERENCES model_version (model, version) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE TABLE model_version_tag (
    version INTEGER NOT NULL REFERENCES model_version (number) ON DELETE CASCADE,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (version, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE model_version_artifact (
    owner INTEGER NOT NULL REFERENCES model_version (number) ON DELETE CASCADE,
    path TEXT NOT NULL,
    digest TEXT NOT NULL,
    size INTEGER NOT NULL,
    PRIMARY KEY (owner, path)
) STRICT, WITHOUT ROWID;
