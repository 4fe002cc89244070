PRAGMA foreign_keys = OFF;
PRAGMA application_id = 1885958245;
PRAGMA user_version = 1;
CREATE TABLE applied (
    id TEXT PRIMARY KEY,
    at INTEGER NOT NULL,
    answer TEXT NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO "applied" VALUES('first',1000000,'{"experiments":[1]}');
CREATE TABLE artifact (
    run INTEGER NOT NULL REFERENCES run (number),
    path TEXT NOT NULL,
    digest TEXT NOT NULL,
    size INTEGER NOT NULL,
    PRIMARY KEY (run, path)
) STRICT, WITHOUT ROWID;
INSERT INTO "artifact" VALUES(2,'model/weights','blake3:0101010101010101010101010101010101010101010101010101010101010101',9);
CREATE TABLE experiment (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    lifecycle INTEGER NOT NULL DEFAULT 0,
    created INTEGER NOT NULL
) STRICT;
INSERT INTO "experiment" VALUES(0,'Default',0,0);
INSERT INTO "experiment" VALUES(1,'spirals',0,1000000);
CREATE TABLE experiment_tag (
    experiment INTEGER NOT NULL REFERENCES experiment (id),
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (experiment, key)
) STRICT, WITHOUT ROWID;
INSERT INTO "experiment_tag" VALUES(1,'owner','ada');
CREATE TABLE lineage (
    run INTEGER NOT NULL REFERENCES run (number),
    role INTEGER NOT NULL,
    path TEXT NOT NULL,
    digest TEXT NOT NULL,
    size INTEGER NOT NULL,
    PRIMARY KEY (run, role, path)
) STRICT, WITHOUT ROWID;
INSERT INTO "lineage" VALUES(2,0,'data.csv','blake3:0202020202020202020202020202020202020202020202020202020202020202',3);
INSERT INTO "lineage" VALUES(2,1,'model','blake3:0101010101010101010101010101010101010101010101010101010101010101',9);
CREATE TABLE metric_chunk (
    number INTEGER PRIMARY KEY,
    run INTEGER NOT NULL,
    key INTEGER NOT NULL,
    points INTEGER NOT NULL,
    data BLOB NOT NULL
) STRICT;
INSERT INTO "metric_chunk" VALUES(1,2,1,3,X'0103000202141414000000000000E03F000000000000D0BF000000000000F87F');
INSERT INTO "metric_chunk" VALUES(2,2,2,2,X'010200021400000000000000F07F0000000000000080');
CREATE TABLE metric_key (
    number INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
) STRICT;
INSERT INTO "metric_key" VALUES(1,'loss');
INSERT INTO "metric_key" VALUES(2,'acc');
CREATE TABLE metric_latest (
    run INTEGER NOT NULL REFERENCES run (number),
    key INTEGER NOT NULL REFERENCES metric_key (number),
    step INTEGER NOT NULL,
    timestamp INTEGER NOT NULL,
    bits INTEGER NOT NULL,
    tail INTEGER NOT NULL,
    PRIMARY KEY (run, key)
) STRICT, WITHOUT ROWID;
INSERT INTO "metric_latest" VALUES(2,1,2,30,9221120237041090560,0);
INSERT INTO "metric_latest" VALUES(2,2,1,10,-9223372036854775808,0);
INSERT INTO "metric_latest" VALUES(3,1,2,30,9221120237041090560,3);
INSERT INTO "metric_latest" VALUES(3,2,1,10,-9223372036854775808,2);
CREATE TABLE metric_tail (
    run INTEGER NOT NULL,
    key INTEGER NOT NULL,
    step INTEGER NOT NULL,
    timestamp INTEGER NOT NULL,
    bits INTEGER NOT NULL,
    PRIMARY KEY (run, key, step, timestamp, bits)
) STRICT, WITHOUT ROWID;
INSERT INTO "metric_tail" VALUES(3,1,0,10,4602678819172646912);
INSERT INTO "metric_tail" VALUES(3,1,1,20,-4625196817309499392);
INSERT INTO "metric_tail" VALUES(3,1,2,30,9221120237041090560);
INSERT INTO "metric_tail" VALUES(3,2,0,10,9218868437227405312);
INSERT INTO "metric_tail" VALUES(3,2,1,10,-9223372036854775808);
CREATE TABLE param (
    run INTEGER NOT NULL REFERENCES run (number),
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (run, key)
) STRICT, WITHOUT ROWID;
INSERT INTO "param" VALUES(2,'lr','0.1');
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
INSERT INTO "run" VALUES(1,'0000000f424070008000000000000001',0,NULL,'reproduction',0,1000001,NULL,0,'ada',NULL,NULL,NULL,NULL);
INSERT INTO "run" VALUES(2,'0000000f424070008000000000000002',1,1,'train',2,1000002,1000102,0,'',NULL,NULL,NULL,NULL);
INSERT INTO "run" VALUES(3,'0000000f424070008000000000000003',0,NULL,'serene-moss-165',0,1000003,NULL,0,'','elsewhere.test','b',7,9);
INSERT INTO "run" VALUES(4,'0000000f424070008000000000000004',0,NULL,'honest-condor-610',0,1000004,NULL,1,'',NULL,NULL,NULL,NULL);
CREATE TABLE tag (
    run INTEGER NOT NULL REFERENCES run (number),
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    set_at INTEGER NOT NULL,
    PRIMARY KEY (run, key)
) STRICT, WITHOUT ROWID;
INSERT INTO "tag" VALUES(2,'phase','two',1000000);
CREATE TABLE tag_history (
    number INTEGER PRIMARY KEY,
    run INTEGER NOT NULL REFERENCES run (number),
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    set_at INTEGER NOT NULL
) STRICT;
INSERT INTO "tag_history" VALUES(1,2,'phase','one',1000000);
CREATE UNIQUE INDEX experiment_name ON experiment (name) WHERE lifecycle = 0;
CREATE INDEX run_parent ON run (parent) WHERE parent IS NOT NULL;
CREATE INDEX run_start ON run (start_time DESC, id);
CREATE INDEX run_lease ON run (lease_host) WHERE lease_host IS NOT NULL;
CREATE INDEX metric_latest_key ON metric_latest (key);
CREATE INDEX metric_chunk_run ON metric_chunk (run, key);
CREATE INDEX param_key ON param (key);
CREATE INDEX tag_key ON tag (key);
CREATE INDEX tag_history_run ON tag_history (run, key);
CREATE INDEX lineage_digest ON lineage (digest, role);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('experiment',1);
