PRAGMA foreign_keys = OFF;
PRAGMA application_id = 1885958245;
PRAGMA user_version = 3;
BEGIN TRANSACTION;
CREATE TABLE applied (
    id TEXT PRIMARY KEY,
    at INTEGER NOT NULL,
    answer TEXT NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO "applied" VALUES('log-01a20639fb087a9ea784a1c313630d33',1795400792840,'{"experiments":[],"versions":[]}');
INSERT INTO "applied" VALUES('log-01a20639fb25757b870bd8ad8e4e6458',1795400792869,'{"experiments":[],"versions":[]}');
INSERT INTO "applied" VALUES('log-01a20639fb3878bb966b29dfd8ad1d5e',1795400792888,'{"experiments":[],"versions":[]}');
INSERT INTO "applied" VALUES('log-01a20639fb587e52b7fae5fbce6e213c',1795400792920,'{"experiments":[],"versions":[]}');
INSERT INTO "applied" VALUES('log-01a20639fb8873d686bf2a4a1ae97a2e',1795400792968,'{"experiments":[],"versions":[]}');
INSERT INTO "applied" VALUES('log-01a20639fba973f9a954e8f4fe4a10ab',1795400793001,'{"experiments":[],"versions":[]}');
CREATE TABLE artifact (
    run INTEGER NOT NULL REFERENCES run (number),
    path TEXT NOT NULL,
    digest TEXT NOT NULL,
    size INTEGER NOT NULL,
    PRIMARY KEY (run, path)
) STRICT, WITHOUT ROWID;
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
CREATE TABLE dataset_input_tag (
    input INTEGER NOT NULL REFERENCES dataset_input (number) ON DELETE CASCADE,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (input, key)
) STRICT, WITHOUT ROWID;
CREATE TABLE experiment (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    lifecycle INTEGER NOT NULL DEFAULT 0,
    created INTEGER NOT NULL
, updated INTEGER NOT NULL DEFAULT 0, artifact_location TEXT) STRICT;
INSERT INTO "experiment" VALUES(0,'Default',0,0,0,NULL);
CREATE TABLE experiment_tag (
    experiment INTEGER NOT NULL REFERENCES experiment (id),
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (experiment, key)
) STRICT, WITHOUT ROWID;
CREATE TABLE lineage (
    run INTEGER NOT NULL REFERENCES run (number),
    role INTEGER NOT NULL,
    path TEXT NOT NULL,
    digest TEXT NOT NULL,
    size INTEGER NOT NULL,
    PRIMARY KEY (run, role, path)
) STRICT, WITHOUT ROWID;
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
CREATE TABLE logged_model_artifact (
    owner INTEGER NOT NULL REFERENCES logged_model (number) ON DELETE CASCADE,
    path TEXT NOT NULL,
    digest TEXT NOT NULL,
    size INTEGER NOT NULL,
    PRIMARY KEY (owner, path)
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
CREATE TABLE metric_block (
    number INTEGER PRIMARY KEY,
    run INTEGER NOT NULL,
    blocks INTEGER NOT NULL,
    points INTEGER NOT NULL,
    data BLOB NOT NULL
) STRICT;
INSERT INTO "metric_block" VALUES(1,1,1,1,X'010111010102E0FA96AAC068000000000000E03F');
CREATE TABLE metric_chunk (
    number INTEGER PRIMARY KEY,
    run INTEGER NOT NULL,
    key INTEGER NOT NULL,
    points INTEGER NOT NULL,
    data BLOB NOT NULL
, first_step INTEGER NOT NULL DEFAULT 0, last_step INTEGER NOT NULL DEFAULT 0) STRICT;
CREATE TABLE metric_key (
    number INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
) STRICT;
INSERT INTO "metric_key" VALUES(1,'loss');
CREATE TABLE metric_latest (
    run INTEGER NOT NULL REFERENCES run (number),
    key INTEGER NOT NULL REFERENCES metric_key (number),
    step INTEGER NOT NULL,
    timestamp INTEGER NOT NULL,
    bits INTEGER NOT NULL,
    min_bits INTEGER, max_bits INTEGER,
    PRIMARY KEY (run, key)
) STRICT, WITHOUT ROWID;
INSERT INTO "metric_latest" VALUES(1,1,1,1795340558000,4602678819172646912,4602678819172646912,4602678819172646912);
CREATE TABLE model_link (
    number INTEGER PRIMARY KEY,
    run INTEGER NOT NULL REFERENCES run (number) ON DELETE CASCADE,
    role INTEGER NOT NULL,
    model TEXT NOT NULL,
    step INTEGER NOT NULL,
    UNIQUE (run, role, model, step)
) STRICT;
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
    updated INTEGER NOT NULL, run_link TEXT,
    UNIQUE (model, version)
) STRICT;
CREATE TABLE model_version_artifact (
    owner INTEGER NOT NULL REFERENCES model_version (number) ON DELETE CASCADE,
    path TEXT NOT NULL,
    digest TEXT NOT NULL,
    size INTEGER NOT NULL,
    PRIMARY KEY (owner, path)
) STRICT, WITHOUT ROWID;
CREATE TABLE model_version_tag (
    version INTEGER NOT NULL REFERENCES model_version (number) ON DELETE CASCADE,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (version, key)
) STRICT, WITHOUT ROWID;
CREATE TABLE param (
    run INTEGER NOT NULL REFERENCES run (number),
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (run, key)
) STRICT, WITHOUT ROWID;
INSERT INTO "param" VALUES(1,'lr','0.1');
CREATE TABLE registered_model (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    description TEXT,
    created INTEGER NOT NULL,
    updated INTEGER NOT NULL,
    versions INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE registered_model_alias (
    model INTEGER NOT NULL,
    alias TEXT NOT NULL,
    version INTEGER NOT NULL,
    PRIMARY KEY (model, alias),
    FOREIGN KEY (model, version) REFERENCES model_version (model, version) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE TABLE registered_model_tag (
    model INTEGER NOT NULL REFERENCES registered_model (number) ON DELETE CASCADE,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (model, key)
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
, deleted INTEGER, deleted_with INTEGER NOT NULL DEFAULT 0) STRICT;
INSERT INTO "run" VALUES(1,'01a20639fae671a2835ad2fac3e3612c',0,NULL,'going',0,1795400792840,NULL,0,'',NULL,NULL,NULL,NULL,NULL,0);
INSERT INTO "run" VALUES(2,'01a20639fb857496ab746088e611a522',0,NULL,'ended',2,1795400792967,1795400793001,0,'',NULL,NULL,NULL,NULL,NULL,0);
CREATE TABLE tag (
    run INTEGER NOT NULL REFERENCES run (number),
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    set_at INTEGER NOT NULL,
    PRIMARY KEY (run, key)
) STRICT, WITHOUT ROWID;
INSERT INTO "tag" VALUES(1,'git.dirty','true',1795400792840);
INSERT INTO "tag" VALUES(1,'phase','two',1795400792888);
INSERT INTO "tag" VALUES(1,'pipe.host','host',1795400792840);
INSERT INTO "tag" VALUES(1,'pipe.kind','script',1795400792840);
INSERT INTO "tag" VALUES(1,'pipe.version','0.0.0',1795400792840);
INSERT INTO "tag" VALUES(2,'git.dirty','true',1795400792968);
INSERT INTO "tag" VALUES(2,'pipe.host','host',1795400792968);
INSERT INTO "tag" VALUES(2,'pipe.kind','script',1795400792968);
INSERT INTO "tag" VALUES(2,'pipe.version','0.0.0',1795400792968);
CREATE TABLE tag_history (
    number INTEGER PRIMARY KEY,
    run INTEGER NOT NULL REFERENCES run (number),
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    set_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX experiment_name ON experiment (name) WHERE lifecycle = 0;
CREATE INDEX run_parent ON run (parent) WHERE parent IS NOT NULL;
CREATE INDEX run_start ON run (start_time DESC, id);
CREATE INDEX run_lease ON run (lease_host) WHERE lease_host IS NOT NULL;
CREATE INDEX tag_history_run ON tag_history (run, key);
CREATE INDEX lineage_digest ON lineage (digest, role);
CREATE INDEX run_experiment ON run (experiment, lifecycle, start_time DESC, id);
CREATE INDEX run_name ON run (name);
CREATE INDEX metric_latest_key ON metric_latest (key, run, bits, min_bits, max_bits);
CREATE INDEX metric_chunk_run ON metric_chunk (run, key, first_step, last_step, points);
CREATE INDEX metric_block_run ON metric_block (run);
CREATE INDEX param_short ON param (key, value) WHERE length(value) <= 100;
CREATE INDEX param_long ON param (key) WHERE length(value) > 100;
CREATE INDEX tag_short ON tag (key, value) WHERE length(value) <= 100;
CREATE INDEX tag_long ON tag (key) WHERE length(value) > 100;
CREATE INDEX applied_at ON applied (at);
CREATE INDEX dataset_input_dataset ON dataset_input (dataset);
CREATE INDEX model_link_model ON model_link (model, role);
CREATE INDEX logged_model_experiment ON logged_model (experiment, lifecycle, created DESC, id);
CREATE INDEX logged_model_run ON logged_model (run) WHERE run IS NOT NULL;
CREATE INDEX model_version_run ON model_version (run) WHERE run IS NOT NULL;
CREATE INDEX model_version_updated ON model_version (updated DESC);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('experiment',0);
COMMIT;
