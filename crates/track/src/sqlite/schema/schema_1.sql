-- Schema 1. Released: never edited. docs/design/run-store.md explains the tables.

CREATE TABLE experiment (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    lifecycle INTEGER NOT NULL DEFAULT 0,
    created INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX experiment_name ON experiment (name) WHERE lifecycle = 0;
INSERT INTO experiment (id, name, created) VALUES (0, 'Default', 0);

CREATE TABLE experiment_tag (
    experiment INTEGER NOT NULL REFERENCES experiment (id),
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (experiment, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE run (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    experiment INTEGER NOT NULL REFERENCES experiment (id),
    parent INTEGER REFERENCES run (number),
    name TEXT NOT NULL,
    status INTEGER NOT NULL,
    start_time INTEGER NOT NULL,
    end_time INTEGER,
    lifecycle INTEGER NOT NULL DEFAULT 0,
    user TEXT NOT NULL,
    lease_host TEXT,
    lease_boot TEXT,
    lease_pid INTEGER,
    lease_started INTEGER
) STRICT;
CREATE INDEX run_parent ON run (parent) WHERE parent IS NOT NULL;
CREATE INDEX run_start ON run (start_time DESC, id);
CREATE INDEX run_lease ON run (lease_host) WHERE lease_host IS NOT NULL;

CREATE TABLE metric_key (
    number INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE metric_latest (
    run INTEGER NOT NULL REFERENCES run (number),
    key INTEGER NOT NULL REFERENCES metric_key (number),
    step INTEGER NOT NULL,
    timestamp INTEGER NOT NULL,
    bits INTEGER NOT NULL,
    tail INTEGER NOT NULL,
    PRIMARY KEY (run, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX metric_latest_key ON metric_latest (key);

CREATE TABLE metric_tail (
    run INTEGER NOT NULL,
    key INTEGER NOT NULL,
    step INTEGER NOT NULL,
    timestamp INTEGER NOT NULL,
    bits INTEGER NOT NULL,
    PRIMARY KEY (run, key, step, timestamp, bits)
) STRICT, WITHOUT ROWID;

CREATE TABLE metric_chunk (
    number INTEGER PRIMARY KEY,
    run INTEGER NOT NULL,
    key INTEGER NOT NULL,
    points INTEGER NOT NULL,
    data BLOB NOT NULL
) STRICT;
CREATE INDEX metric_chunk_run ON metric_chunk (run, key);

CREATE TABLE param (
    run INTEGER NOT NULL REFERENCES run (number),
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (run, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX param_key ON param (key);

CREATE TABLE tag (
    run INTEGER NOT NULL REFERENCES run (number),
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    set_at INTEGER NOT NULL,
    PRIMARY KEY (run, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX tag_key ON tag (key);

CREATE TABLE tag_history (
    number INTEGER PRIMARY KEY,
    run INTEGER NOT NULL REFERENCES run (number),
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    set_at INTEGER NOT NULL
) STRICT;
CREATE INDEX tag_history_run ON tag_history (run, key);

CREATE TABLE artifact (
    run INTEGER NOT NULL REFERENCES run (number),
    path TEXT NOT NULL,
    digest TEXT NOT NULL,
    size INTEGER NOT NULL,
    PRIMARY KEY (run, path)
) STRICT, WITHOUT ROWID;

CREATE TABLE lineage (
    run INTEGER NOT NULL REFERENCES run (number),
    role INTEGER NOT NULL,
    path TEXT NOT NULL,
    digest TEXT NOT NULL,
    size INTEGER NOT NULL,
    PRIMARY KEY (run, role, path)
) STRICT, WITHOUT ROWID;
CREATE INDEX lineage_digest ON lineage (digest, role);

CREATE TABLE applied (
    id TEXT PRIMARY KEY,
    at INTEGER NOT NULL,
    answer TEXT NOT NULL
) STRICT, WITHOUT ROWID;
