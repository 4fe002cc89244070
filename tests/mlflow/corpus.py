"""Runs of many kinds, and what can be asked about them: filters and orders that steps.py sends to both servers."""

KINDS = ["ResNet", "resnet50", "vgg_16", "50%", "it's", "größe", "", "a.b", "10", "9"]
RATES = ["0.1", "0.01", "1e-3", "10", "9", "0.10"]
STATUSES = ["FINISHED", "FAILED", "KILLED", "RUNNING", "SCHEDULED"]
ACCURACIES = [0.1, 0.25, 0.5, 0.75, 0.9, 1.0, -1.0, 0.0, 1e-9, 1e9, "NaN"]


def made(at):
    metrics = [
        {"key": "acc", "value": ACCURACIES[at % 11], "timestamp": 1, "step": 0},
        {"key": "loss", "value": 1 / (at + 1), "timestamp": 1, "step": 0},
        # Only the last point counts.
        {"key": "loss", "value": at % 4, "timestamp": 1, "step": 5},
        {"key": "val loss/x", "value": at, "timestamp": 1, "step": 0},
    ]
    params = [
        {"key": "n", "value": f"{at:02}"},
        {"key": "kind", "value": KINDS[at % 10]},
        {"key": "lr", "value": RATES[at % 6]},
        {"key": "a.b-c d", "value": str(at % 3)},
    ]
    tags = [
        {"key": "team", "value": ["blue", "BLUE", "red", ""][at % 4]},
        {"key": "with blank", "value": f"x{at}"},
        {"key": "mlflow.source.name", "value": f"train_{at % 2}.py"},
    ]
    data = {"name": f"set{at % 3}", "digest": f"d{at % 5}", "source_type": "local", "source": "s"}
    more = {"name": "common", "digest": "c", "source_type": "local", "source": "s"}
    context = [{"key": "mlflow.data.context", "value": ["training", "test"][at % 2]}]
    return {
        "name": f"corpus{at}",
        "called": ["first", "Second", "third one", "50%_x"][at % 4] + (str(at) if at % 3 else ""),
        "user": ["ada", "Bob", ""][at % 3],
        "parent": f"corpus{at - 1}" if at % 5 == 4 else None,
        "start": 1000 + 10 * (at // 2),
        # What some lack.
        "logged": {"metrics": metrics[at % 3 == 0 :], "params": params[: 4 - (at % 4 == 3)], "tags": tags[at % 7 == 0 :]},
        "data": [{"tags": context, "dataset": data}, {"dataset": more}] if at % 4 else [],
        "end": {"status": STATUSES[at % 5], **({"end_time": 2000 + at} if at % 5 < 3 else {})},
    }


DATA = [made(at) for at in range(40)]

COMPARISONS = ["=", "!=", "<", "<=", ">", ">="]
FILTERS = [
    *[f"metrics.acc {compared} {value}" for compared in COMPARISONS for value in ["0.5", "0", "-1", "1e9"]],
    *[f"metrics.loss {compared} 2" for compared in COMPARISONS],
    *[f"metrics.`val loss/x` {compared} 7.0" for compared in COMPARISONS],
    *[f"attributes.start_time {compared} 1100" for compared in COMPARISONS],
    *[f"attributes.end_time {compared} 2010" for compared in COMPARISONS],
    *[f"params.kind = '{kind}'" for kind in ["ResNet", "resnet50", "50%", "größe", "", "a.b", "10", "resnet"]],
    *[f"params.kind != '{kind}'" for kind in ["ResNet", "", "none"]],
    *[f"params.kind LIKE '{like}'" for like in ["res%", "Res%", "%e%", "___", "50%", "%", "", "vgg_16", "%ö%", "a.b"]],
    *[f"params.kind ILIKE '{like}'" for like in ["res%", "RES%", "%E%", "vgg\\_16", "GRÖSSE", "%ß%", "A.B"]],
    *[f"params.lr = '{rate}'" for rate in RATES],
    *[f"tags.team = '{team}'" for team in ["blue", "BLUE", "", "green"]],
    *[f"tags.team != '{team}'" for team in ["blue", "", "green"]],
    *[f"tags.team LIKE '{like}'" for like in ["b%", "B%", "%", ""]],
    *[f"tags.team ILIKE '{like}'" for like in ["b%", "RED"]],
    *[f"status {compared} '{status}'" for compared in ["=", "!="] for status in [*STATUSES, "finished", "none"]],
    *[f"status {like}" for like in ["LIKE 'F%'", "ILIKE 'f%'", "LIKE '%ED'"]],
    *[f"run_name {like}" for like in ["= 'first'", "!= 'first'", "LIKE 'first%'", "ILIKE 'SECOND%'", "LIKE '50%'"]],
    *[f"user_id {like}" for like in ["= 'ada'", "!= 'ada'", "LIKE 'B%'", "ILIKE 'b%'", "= ''"]],
    *[f"dataset.name {like}" for like in ["= 'set1'", "!= 'set1'", "LIKE 'set%'", "ILIKE 'SET%'", "= 'common'"]],
    *[f"datasets.digest {listed}" for listed in ["IN ('d1', 'd2')", "NOT IN ('d1')", "= 'c'", "LIKE 'd_'"]],
    *[f"dataset.context {like}" for like in ["= 'test'", "!= 'test'", "LIKE 'tr%'", "IN ('test', 'training')"]],
    "dataset.name = 'set1' AND dataset.context = 'test'",
    "dataset.name = 'common' AND dataset.context = 'test'",
    "dataset.name = 'set1' AND dataset.name = 'common'",
    "tags.mlflow.parentRunId = '${corpus3}'",
    "tags.`mlflow.parentRunId` != '${corpus3}'",
    "tags.mlflow.parentRunId IS NULL",
    "tags.mlflow.parentRunId IS NOT NULL",
    "tags.mlflow.parentRunId LIKE '%'",
    "tags.mlflow.runName = 'first'",
    "tags.mlflow.runName LIKE 'third%'",
    "tags.mlflow.runName IS NULL",
    "tags.mlflow.source.name = 'train_1.py'",
    "tags.`with blank` = 'x7'",
    'tags."with blank" LIKE \'x1%\'',
    "params.`a.b-c d` = '1'",
    'params."a.b-c d" != "1"',
    "params.`a.b-c d` IS NULL",
    "params.kind IS NULL",
    "params.none IS NOT NULL",
    "tags.team IS NULL",
    "tags.team IS NOT NULL",
    'params.kind = "it\'s"',
    "run_id = '${corpus5}'",
    "run_id != '${corpus5}'",
    "run_id IN ('${corpus5}', '${corpus6}', 'none')",
    "run_id NOT IN ('${corpus5}', '${corpus6}')",
    "run_id LIKE '%'",
    "attributes.`run_id` = '${corpus5}'",
    "attribute.run_name = 'first'",
    "run.status = 'FAILED'",
    "run_name IN ('first', 'Second1')",
    "status IN ('FAILED')",
    "artifact_uri LIKE '%/artifacts'",
    "created > 1100",
    "metrics.acc > 0.2 and metrics.acc < 0.8",
    "metrics.acc > 0.2 AND metrics.acc > 0.8 AND params.lr = '9'",
    "metrics.acc = 0.5 and metrics.loss = 2",
    "metrics.none > 0",
    "metrics.acc > 0.5 and params.kind ILIKE 'r%' and tags.team != 'red' and status = 'FINISHED'",
    "metrics.acc >= 0.1e0",
    "metrics.acc > .5",
    "metrics.acc > +0.5",
    "metrics.acc > 1_0",
    "metrics.acc > NaN",
    "metrics.acc > inf",
    "metrics.acc <> 0.5",
    "metrics.acc == 0.5",
    "metric.acc>0.5and metrics.loss>1",
    "  metrics.acc   >   0.5  ",
    "METRICS.acc > 0.5",
    "metrics.ACC > 0.5",
    "metrics.acc > 0.5 AND",
    "AND metrics.acc > 0.5",
    "metrics.acc > 0.5 && metrics.loss > 1",
    "metrics.acc BETWEEN 0 AND 1",
    "params.lr < '1'",
    "params.lr = 0.1",
    "params.lr = \"0.1\"",
    "params.lr = `0.1`",
    "params.kind = 'res' 'net'",
    "params.kind RLIKE 'res'",
    "params.kind NOT LIKE 'res%'",
    "start_time > '1100'",
    "start_time LIKE '1%'",
    "end_time IS NULL",
    "0.5 < metrics.acc",
    "metrics.acc > metrics.loss",
    "metrics.`acc > 0.5",
    "params.kind = 'a' -- comment",
    "params.kind = 'a'; params.kind = 'b'",
]

ORDERS = [
    *[[f"metrics.{key}{how}"] for key in ["acc", "loss", "`val loss/x`", "none"] for how in ["", " ASC", " DESC"]],
    *[[f"params.{key}{how}"] for key in ["kind", "lr", "`a.b-c d`"] for how in ["", " DESC"]],
    *[[f"tags.{key}{how}"] for key in ["team", '"with blank"', "`mlflow.runName`"] for how in ["", " DESC"]],
    *[[f"{key}{how}"] for key in ["status", "user_id", "run_name", "end_time", "Created", "`Run name`"] for how in ["", " DESC"]],
    ["attributes.start_time", "metrics.acc DESC"],
    ["start_time DESC", "attribute.status"],
    ["tags.team", "params.kind DESC", "metrics.loss"],
    ["metrics.acc desc", "metrics.acc"],
]
