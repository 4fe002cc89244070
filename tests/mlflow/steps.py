"""The requests that are sent to MLflow's server and to ours, in this order.

`${NAME}` stands for what an earlier answer was kept as. Names are for people, and for differences.json.
"""

import json

from corpus import DATA, FILTERS, ORDERS

STEPS = []


def step(name, do, **more):
    STEPS.append({"name": name, "do": do, **more})


def post(name, path, body, **more):
    step(name, "POST " + path, body=body, **more)


def get(name, path, query=None, **more):
    step(name, "GET " + path, query=query, **more)


# experiments
post(
    "make an experiment",
    "experiments/create",
    {"name": "one", "tags": [{"key": "team", "value": "a"}]},
    keep={"one": "experiment_id"},
)
post("make it again", "experiments/create", {"name": "one"})
post("an experiment without a name", "experiments/create", {})
post("an experiment with an empty name", "experiments/create", {"name": ""})
post("an experiment with a number for a name", "experiments/create", {"name": 7})
post("an experiment with a long name", "experiments/create", {"name": "n" * 501})
post("an experiment kept in runs", "experiments/create", {"name": "x", "artifact_location": "runs:/x"})
for location in [
    "http://host",
    "HTTPS://host/x?y",
    "http://127.0.0.1:5000",
    "ftp:///x",
    "hdfs:/x",
    "abfss://box@host/x",
    "mlflow-artifacts://host:9/x",
    " http://host",
    "file:///tmp/x#f",
    "x;y",
    "s3://bucket/x?a=%252e%252e/y",
    "s3://bucket/" + "x" * 2048,
    "x://[host/x",
]:
    post(f"an experiment kept at '{location[:40]}'", "experiments/create", {"name": "x", "artifact_location": location})
for place, location in enumerate(
    ["file:///tmp/x", "/tmp/a;b/c", "mlflow-artifacts:/x", "mlflow-artifacts:///x", "s3://bucket/../x", "gs://bucket/x?y"]
):
    post(
        f"an experiment that is kept at '{location}'",
        "experiments/create",
        {"name": f"kept {place}", "artifact_location": location},
        keep={"kept": "experiment_id"},
    )
    get(f"where that one is kept: '{location}'", "experiments/get", {"experiment_id": "${kept}"})
    post(f"remove that one: '{location}'", "experiments/delete", {"experiment_id": "${kept}"})
post("an experiment with tags that are no list", "experiments/create", {"name": "x", "tags": "t"})
post("make a second experiment", "experiments/create", {"name": "two"}, keep={"two": "experiment_id"})
get("an experiment by number", "experiments/get", {"experiment_id": "${one}"})
get("the default experiment", "experiments/get", {"experiment_id": "0"})
get("an experiment by an unknown number", "experiments/get", {"experiment_id": "99999"})
get("an experiment by no number", "experiments/get", {"experiment_id": "abc"})
get("an experiment without number", "experiments/get")
get("an experiment by name", "experiments/get-by-name", {"experiment_name": "one"})
get("an experiment by an unknown name", "experiments/get-by-name", {"experiment_name": "nope"})
get("an experiment without name", "experiments/get-by-name")
post("tag an experiment", "experiments/set-experiment-tag", {"experiment_id": "${one}", "key": "stage", "value": "x y"})
post("tag an experiment without a key", "experiments/set-experiment-tag", {"experiment_id": "${one}", "value": "v"})
post(
    "tag an experiment with a bad key",
    "experiments/set-experiment-tag",
    {"experiment_id": "${one}", "key": "a//b", "value": "v"},
)
post(
    "tag an unknown experiment", "experiments/set-experiment-tag", {"experiment_id": "99999", "key": "a", "value": "v"}
)
post(
    "tag an experiment with a long value",
    "experiments/set-experiment-tag",
    {"experiment_id": "${one}", "key": "a", "value": "v" * 20001},
)
post("untag an experiment", "experiments/delete-experiment-tag", {"experiment_id": "${one}", "key": "stage"})
post("untag it again", "experiments/delete-experiment-tag", {"experiment_id": "${one}", "key": "stage"})
post("search experiments", "experiments/search", {"max_results": 10, "order_by": ["name ASC"]})
get("search experiments by GET", "experiments/search", {"max_results": "10", "order_by": "name ASC"})
post("search experiments by name", "experiments/search", {"max_results": 10, "filter": "name LIKE 'o%'"})
post(
    "search experiments by name whatever its case",
    "experiments/search",
    {"max_results": 10, "filter": "name ILIKE 'ONE'"},
)
post("search experiments by tag", "experiments/search", {"max_results": 10, "filter": "tags.team = 'a'"})
post("search experiments with an unknown field", "experiments/search", {"max_results": 10, "filter": "colour = 'a'"})
post("search experiments with too many", "experiments/search", {"max_results": 50001})
post("search experiments with none", "experiments/search", {"max_results": 0})
post("search experiments with a wrong type", "experiments/search", {"max_results": "many"})
post(
    "a page of experiments",
    "experiments/search",
    {"max_results": 1, "order_by": ["experiment_id"]},
    keep={"page": "next_page_token"},
)
post(
    "the next page of experiments",
    "experiments/search",
    {"max_results": 2, "order_by": ["experiment_id"], "page_token": "${page}"},
)
post("a page token that is none", "experiments/search", {"max_results": 2, "page_token": "%%%"})
post("rename an experiment", "experiments/update", {"experiment_id": "${two}", "new_name": "zwei"})
post("rename it to a name that is taken", "experiments/update", {"experiment_id": "${two}", "new_name": "one"})
post("rename an unknown experiment", "experiments/update", {"experiment_id": "99999", "new_name": "x"})
post("rename to nothing", "experiments/update", {"experiment_id": "${two}"})
post("delete an experiment", "experiments/delete", {"experiment_id": "${two}"})
post("delete it again", "experiments/delete", {"experiment_id": "${two}"})
get("a deleted experiment", "experiments/get", {"experiment_id": "${two}"})
get("a deleted experiment by name", "experiments/get-by-name", {"experiment_name": "zwei"})
post("a run in a deleted experiment", "runs/create", {"experiment_id": "${two}", "start_time": 1})
post(
    "tag a deleted experiment", "experiments/set-experiment-tag", {"experiment_id": "${two}", "key": "a", "value": "v"}
)
post("rename a deleted experiment", "experiments/update", {"experiment_id": "${two}", "new_name": "x"})
post("search deleted experiments", "experiments/search", {"max_results": 10, "view_type": "DELETED_ONLY"})
post(
    "search all experiments",
    "experiments/search",
    {"max_results": 10, "view_type": "ALL", "order_by": ["experiment_id"]},
)
post("restore an experiment", "experiments/restore", {"experiment_id": "${two}"})
post("restore it again", "experiments/restore", {"experiment_id": "${two}"})
post(
    "make an experiment that somebody else keeps",
    "experiments/create",
    {"name": "far", "artifact_location": "s3://bucket/x"},
    keep={"far": "experiment_id"},
)
get("where it is kept", "experiments/get", {"experiment_id": "${far}"})
post(
    "a run that somebody else keeps",
    "runs/create",
    {"experiment_id": "${far}", "start_time": 1, "run_name": "r"},
    keep={"farrun": "run.info.run_id"},
)
# runs
post(
    "make a run",
    "runs/create",
    {
        "experiment_id": "${one}",
        "user_id": "me",
        "start_time": 1000,
        "run_name": "first",
        "tags": [{"key": "t", "value": "v"}],
    },
    keep={"run": "run.info.run_id"},
)
post(
    "make a run without a name",
    "runs/create",
    {"experiment_id": "${one}", "start_time": 2000},
    keep={"second": "run.info.run_id"},
)
post(
    "make a run named by a tag",
    "runs/create",
    {
        "experiment_id": "${one}",
        "start_time": 3000,
        "tags": [{"key": "mlflow.runName", "value": "third"}, {"key": "mlflow.parentRunId", "value": "${run}"}],
    },
    keep={"third": "run.info.run_id"},
)
post(
    "make a run with two names",
    "runs/create",
    {"experiment_id": "${one}", "start_time": 1, "run_name": "a", "tags": [{"key": "mlflow.runName", "value": "b"}]},
)
post("a run in an unknown experiment", "runs/create", {"experiment_id": "99999", "start_time": 1})
post("a run in no experiment", "runs/create", {"experiment_id": "abc", "start_time": 1})
post("a run with a start that is no number", "runs/create", {"experiment_id": "${one}", "start_time": "soon"})
post("a run with a number for a name", "runs/create", {"experiment_id": "${one}", "start_time": 1, "run_name": 5})
get("a run", "runs/get", {"run_id": "${run}"})
get("a run by its old name", "runs/get", {"run_uuid": "${run}"})
get("an unknown run", "runs/get", {"run_id": "0" * 32})
get("a run by no id", "runs/get", {"run_id": "nope"})
get("a run without id", "runs/get")
post("update a run", "runs/update", {"run_id": "${run}", "status": "FINISHED", "end_time": 5000})
post("rename a run", "runs/update", {"run_id": "${run}", "run_name": "erster"})
post("update an unknown run", "runs/update", {"run_id": "0" * 32, "status": "FINISHED"})
post("update a run with a status that is none", "runs/update", {"run_id": "${second}", "status": "DONE"})
post("name the run without a name", "runs/update", {"run_id": "${second}", "run_name": "zweiter"})
post("update a run by the number of a status", "runs/update", {"run_id": "${second}", "status": 4, "end_time": 6000})
post("update a run with an end that is no number", "runs/update", {"run_id": "${run}", "end_time": "late"})
post("tag a run", "runs/set-tag", {"run_id": "${run}", "key": "colour", "value": "red"})
post("tag a run anew", "runs/set-tag", {"run_id": "${run}", "key": "colour", "value": "blue"})
post("tag a run with nothing", "runs/set-tag", {"run_id": "${run}", "key": "none"})
post("tag a run without a key", "runs/set-tag", {"run_id": "${run}", "value": "v"})
post("tag a run with a bad key", "runs/set-tag", {"run_id": "${run}", "key": "a/../b", "value": "v"})
post("tag a run with a strange key", "runs/set-tag", {"run_id": "${run}", "key": "a#b", "value": "v"})
post("tag a run with a long key", "runs/set-tag", {"run_id": "${run}", "key": "k" * 251, "value": "v"})
post("tag a run with a long value", "runs/set-tag", {"run_id": "${run}", "key": "long", "value": "v" * 8100})
post("tag a run with a number", "runs/set-tag", {"run_id": "${run}", "key": "n", "value": 5})
post("tag an unknown run", "runs/set-tag", {"run_id": "0" * 32, "key": "a", "value": "v"})
post("name a run by a tag", "runs/set-tag", {"run_id": "${run}", "key": "mlflow.runName", "value": "first again"})
post("untag a run", "runs/delete-tag", {"run_id": "${run}", "key": "none"})
post("untag it twice", "runs/delete-tag", {"run_id": "${run}", "key": "none"})
get("a tagged run", "runs/get", {"run_id": "${run}"})
# logging
m = {"run_id": "${run}", "key": "loss", "value": 0.5, "timestamp": 10, "step": 1}
post("log a metric", "runs/log-metric", m)
post("log it again", "runs/log-metric", m)
post("log a later step", "runs/log-metric", {**m, "value": 0.25, "step": 3, "timestamp": 30})
post("log an earlier step", "runs/log-metric", {**m, "value": 0.75, "step": 2, "timestamp": 40})
post("log a metric without a step", "runs/log-metric", {"run_id": "${run}", "key": "once", "value": 1, "timestamp": 10})
post("log NaN", "runs/log-metric", {**m, "key": "nan", "value": "NaN"})
post("log infinity", "runs/log-metric", {**m, "run_id": "${farrun}", "key": "inf", "value": "Infinity"})
get("a run with infinity", "runs/get", {"run_id": "${farrun}"})
post("log a text", "runs/log-metric", {**m, "value": "high"})
post("log a number as text", "runs/log-metric", {**m, "key": "text", "value": "1.5", "timestamp": "12", "step": "4"})
post("log without a value", "runs/log-metric", {"run_id": "${run}", "key": "loss", "timestamp": 10})
post("log without a time", "runs/log-metric", {"run_id": "${run}", "key": "loss", "value": 1})
post("log without a key", "runs/log-metric", {"run_id": "${run}", "value": 1, "timestamp": 10})
post("log with an empty key", "runs/log-metric", {**m, "key": ""})
post("log without a run", "runs/log-metric", {"key": "loss", "value": 1, "timestamp": 10})
post("log with a bad key", "runs/log-metric", {**m, "key": "a//b"})
post("log with a strange key", "runs/log-metric", {**m, "key": 'a"b'})
post("log with a long key", "runs/log-metric", {**m, "key": "k" * 251})
post("log before 1970", "runs/log-metric", {**m, "timestamp": -1})
post("log with half a step", "runs/log-metric", {**m, "run_id": "${farrun}", "step": 1.5})
post("log a list", "runs/log-metric", {**m, "value": [1]})
post("log to an unknown run", "runs/log-metric", {**m, "run_id": "0" * 32})
post("log a param", "runs/log-parameter", {"run_id": "${run}", "key": "lr", "value": "0.1"})
post("log the same param", "runs/log-parameter", {"run_id": "${run}", "key": "lr", "value": "0.1"})
post("log another value of a param", "runs/log-parameter", {"run_id": "${run}", "key": "lr", "value": "0.2"})
post("log a param without a value", "runs/log-parameter", {"run_id": "${run}", "key": "empty"})
post("log a param without a key", "runs/log-parameter", {"run_id": "${run}", "value": "1"})
post("log a param with a bad key", "runs/log-parameter", {"run_id": "${run}", "key": "../x", "value": "1"})
post("log a long param", "runs/log-parameter", {"run_id": "${run}", "key": "long", "value": "v" * 6100})
post("log a param with a long key", "runs/log-parameter", {"run_id": "${run}", "key": "k" * 251, "value": "v"})
post("log a param of a wrong type", "runs/log-parameter", {"run_id": "${run}", "key": "x", "value": 1.5})
post("log a param to an unknown run", "runs/log-parameter", {"run_id": "0" * 32, "key": "x", "value": "1"})
b = {
    "run_id": "${run}",
    "metrics": [
        {"key": "a", "value": 1, "timestamp": 1, "step": 0},
        {"key": "a", "value": 2, "timestamp": 2, "step": 1},
    ],
    "params": [{"key": "p", "value": "1"}],
    "tags": [{"key": "q", "value": "2"}],
}
post("log a batch", "runs/log-batch", b)
post("log an empty batch", "runs/log-batch", {"run_id": "${run}"})
post("log a batch without a run", "runs/log-batch", {"metrics": []})
post("log a batch to a run with a strange id", "runs/log-batch", {"run_id": "../x"})
post("log a batch to an unknown run", "runs/log-batch", {"run_id": "0" * 32, "params": [{"key": "p", "value": "1"}]})
post(
    "log a batch with a metric without a key",
    "runs/log-batch",
    {"run_id": "${run}", "metrics": [{"value": 1, "timestamp": 1}]},
)
post(
    "log a batch with a metric without a value",
    "runs/log-batch",
    {"run_id": "${run}", "metrics": [{"key": "a", "timestamp": 1}]},
)
post(
    "log a batch with a metric without a time",
    "runs/log-batch",
    {"run_id": "${run}", "metrics": [{"key": "a", "value": 1}]},
)
post(
    "log a batch with a bad metric",
    "runs/log-batch",
    {
        "run_id": "${run}",
        "metrics": [{"key": "a", "value": 1, "timestamp": 1}, {"key": "a//b", "value": 1, "timestamp": 1}],
    },
)
post(
    "log a batch with a metric before 1970",
    "runs/log-batch",
    {"run_id": "${run}", "metrics": [{"key": "a", "value": 1, "timestamp": -5}]},
)
post(
    "log a batch with a text for a metric",
    "runs/log-batch",
    {"run_id": "${run}", "metrics": [{"key": "a", "value": "x", "timestamp": 1}]},
)
post(
    "log a batch with a bad param",
    "runs/log-batch",
    {"run_id": "${run}", "params": [{"key": "a", "value": "1"}, {"key": "a?", "value": "1"}]},
)
post("log a batch with a param without a key", "runs/log-batch", {"run_id": "${run}", "params": [{"value": "1"}]})
post("log a batch with a tag without a key", "runs/log-batch", {"run_id": "${run}", "tags": [{"value": "1"}]})
post("log a batch with a bad tag", "runs/log-batch", {"run_id": "${run}", "tags": [{"key": "./a", "value": "1"}]})
post(
    "log a batch with a param twice",
    "runs/log-batch",
    {"run_id": "${run}", "params": [{"key": "z", "value": "1"}, {"key": "z", "value": "1"}]},
)
post(
    "log a batch with another value of a param",
    "runs/log-batch",
    {
        "run_id": "${run}",
        "params": [{"key": "new", "value": "1"}, {"key": "lr", "value": "9"}, {"key": "p", "value": "it's"}],
    },
)
post("log a batch of metrics that are no list", "runs/log-batch", {"run_id": "${run}", "metrics": "a"})
post("log a batch of metrics that are no objects", "runs/log-batch", {"run_id": "${run}", "metrics": [1]})
post(
    "log too many metrics",
    "runs/log-batch",
    {"run_id": "${run}", "metrics": [{"key": "m", "value": i, "timestamp": i, "step": i} for i in range(1001)]},
)
post(
    "log too many params",
    "runs/log-batch",
    {"run_id": "${run}", "params": [{"key": f"p{i}", "value": "1"} for i in range(101)]},
)
post(
    "log too many tags",
    "runs/log-batch",
    {"run_id": "${run}", "tags": [{"key": f"p{i}", "value": "1"} for i in range(101)]},
)
post(
    "log too much in all",
    "runs/log-batch",
    {
        "run_id": "${run}",
        "metrics": [{"key": "m", "value": i, "timestamp": i, "step": i} for i in range(950)],
        "params": [{"key": f"p{i}", "value": "1"} for i in range(60)],
    },
)
post(
    "log a thousand metrics",
    "runs/log-batch",
    {
        "run_id": "${second}",
        "metrics": [{"key": "many", "value": i / 2, "timestamp": i, "step": i} for i in range(1000)],
    },
)
post(
    "a batch with a long key",
    "runs/log-batch",
    {"run_id": "${run}", "metrics": [{"key": "k" * 251, "value": 1, "timestamp": 1}]},
)
post(
    "a batch with a tag with a long key",
    "runs/log-batch",
    {"run_id": "${run}", "tags": [{"key": "k" * 251, "value": "1"}]},
)
get("what was logged", "runs/get", {"run_id": "${run}"})
step("no JSON", "POST runs/log-metric", raw="{")
step("no JSON in a batch", "POST runs/log-batch", raw="{")
step("no JSON in a new run", "POST runs/create", raw="[[[")
step("JSON that is no object", "POST runs/log-metric", raw="[1, 2]")
step(
    "JSON in JSON", "POST runs/set-tag", raw='"{\\"run_id\\": \\"${run}\\", \\"key\\": \\"j\\", \\"value\\": \\"1\\"}"'
)
step("JSON that is called text", "POST runs/log-metric", raw="{}", type="text/plain")
step("an empty body", "POST runs/log-metric", raw="")
step("JSON deep in JSON", "POST runs/log-metric", raw="[", repeat=5000)
get("an unknown address", "nothing/here", status_only=True)
step("a wrong method", "GET runs/create", status_only=True)
# history
get("a history", "metrics/get-history", {"run_id": "${run}", "metric_key": "loss"})
get(
    "a page of a history",
    "metrics/get-history",
    {"run_id": "${run}", "metric_key": "loss", "max_results": "2"},
    keep={"historypage": "next_page_token"},
)
get(
    "the next page of a history",
    "metrics/get-history",
    {"run_id": "${run}", "metric_key": "loss", "max_results": "2", "page_token": "${historypage}"},
)
get("a history of nothing", "metrics/get-history", {"run_id": "${run}", "metric_key": "none"})
get("a history without a key", "metrics/get-history", {"run_id": "${run}"})
get("a history of an unknown run", "metrics/get-history", {"run_id": "0" * 32, "metric_key": "loss"})
get("a history of at most none", "metrics/get-history", {"run_id": "${run}", "metric_key": "loss", "max_results": "0"})
get("a history of NaN", "metrics/get-history", {"run_id": "${run}", "metric_key": "nan"})
AJAX = "/ajax-api/2.0/mlflow/"
step(
    "histories of several runs",
    "GET " + AJAX + "metrics/get-history-bulk",
    query=[["run_id", "${run}"], ["run_id", "${second}"], ["metric_key", "loss"]],
)
step("histories without runs", "GET " + AJAX + "metrics/get-history-bulk", query={"metric_key": "loss"})
step("histories without a key", "GET " + AJAX + "metrics/get-history-bulk", query={"run_id": "${run}"})
step(
    "histories of too many runs",
    "GET " + AJAX + "metrics/get-history-bulk",
    query=[["run_id", str(i)] for i in range(101)] + [["metric_key", "loss"]],
)
SAMPLED = "metrics/get-history-bulk-interval"
get("a sampled history", SAMPLED, [["run_ids", "${second}"], ["metric_key", "many"], ["max_results", "10"]])
get(
    "a sampled history of some steps",
    SAMPLED,
    [
        ["run_ids", "${second}"],
        ["metric_key", "many"],
        ["start_step", "100"],
        ["end_step", "200"],
        ["max_results", "7"],
    ],
)
get("a sampled history of two runs", SAMPLED, [["run_ids", "${run}"], ["run_ids", "${second}"], ["metric_key", "loss"]])
get("a sampled history of one point", SAMPLED, [["run_ids", "${second}"], ["metric_key", "many"], ["max_results", "1"]])
get("a sampled history with one end", SAMPLED, [["run_ids", "${second}"], ["metric_key", "many"], ["start_step", "1"]])
get(
    "a sampled history backwards",
    SAMPLED,
    [["run_ids", "${second}"], ["metric_key", "many"], ["start_step", "5"], ["end_step", "1"]],
)
get(
    "a sampled history of too many points",
    SAMPLED,
    [["run_ids", "${second}"], ["metric_key", "many"], ["max_results", "2501"]],
)
get("a sampled history without runs", SAMPLED, [["metric_key", "many"]])
get("a sampled history of too many runs", SAMPLED, [["run_ids", str(i)] for i in range(101)] + [["metric_key", "many"]])


# search
def search(name, filter=None, **k):
    body = {"experiment_ids": ["${one}"], **k}
    if filter is not None:
        body["filter"] = filter
    post("search: " + name, "runs/search", body)


for given in [("run", "acc", 0.9), ("second", "acc", 0.8), ("third", "acc", 0.7)]:
    post(
        f"give {given[0]} an accuracy",
        "runs/log-metric",
        {"run_id": "${%s}" % given[0], "key": given[1], "value": given[2], "timestamp": 1, "step": 0},
    )
post(
    "give second an awkward metric",
    "runs/log-metric",
    {"run_id": "${second}", "key": "val loss/x-y.z", "value": 3, "timestamp": 1},
)
post("give second a param", "runs/log-parameter", {"run_id": "${second}", "key": "lr", "value": "10"})
search("everything")
search("in order", "", order_by=["metrics.acc DESC"])
search("in order upwards", "", order_by=["metrics.acc"])
search("in an order that some lack", "", order_by=["metrics.loss"])
search("in an order that some lack, downwards", "", order_by=["metrics.loss DESC"])
search("in the order of a param", "", order_by=["params.lr DESC"])
search("in the order of start", "", order_by=["attributes.start_time ASC"])
search("in the order of NaN", "", order_by=["metrics.nan"])
for f in [
    "metrics.acc > 0.75",
    "metrics.acc >= 0.8 and metrics.acc < 0.9",
    "metrics.acc = 0.8",
    "metrics.acc != 0.8",
    "metric.acc <= 0.7",
    "metrics.nan != 1",
    "metrics.nan > 0",
    "metrics.`val loss/x-y.z` > 1",
    'metrics."val loss/x-y.z" = 3',
    "params.lr = '0.1'",
    "params.lr != '0.1'",
    "parameters.lr = '10'",
    "param.lr LIKE '1%'",
    "params.lr > '0'",
    "params.lr = 10",
    "params.lr ILIKE '0.%'",
    "params.none IS NULL",
    "params.lr IS NOT NULL",
    "params.lr IS NULL",
    "tags.t = 'v'",
    'tag.t = "v"',
    "tags.colour LIKE 'BL%'",
    "tags.colour ILIKE 'BL%'",
    "tags.`mlflow.runName` = 'third'",
    "tags.mlflow.runName = 'third'",
    "tags.colour IS NULL",
    "tags.t = v",
    "attributes.status = 'FINISHED'",
    "status = 'RUNNING'",
    "status != 'RUNNING'",
    "attr.run_name = 'third'",
    "run_name LIKE 'th%'",
    "run_name ILIKE 'TH%'",
    "`Run name` = 'third'",
    "user_id = 'me'",
    "attributes.start_time > 1500",
    "start_time = 1000",
    "created >= 2000",
    "end_time < 5500",
    "artifact_uri LIKE 'mlflow-artifacts:%'",
    "artifact_uri LIKE '%none%'",
    "run_id = '${run}'",
    "run_id IN ('${run}', '${third}')",
    "run_id NOT IN ('${run}')",
    "run_id IN ()",
    "run_name IN ('third')",
    "attributes.run_id != '${run}'",
    "metrics.acc > 0.75 OR metrics.acc < 0.1",
    "(metrics.acc > 0.75)",
    "NOT metrics.acc > 0.75",
    "metrics.acc > 'x'",
    "metrics.acc LIKE 'x'",
    "acc > 1",
    "metrics.acc",
    "metrics.acc >",
    "> 1",
    "metrics.acc > 0.5 and",
    "metrics.acc > 0.5,metrics.acc > 0.6",
    "foo.bar = 'x'",
    "attributes.colour = 'x'",
    "status > 'AJAX'",
    "params.lr IN ('0.1')",
    "metrics.acc > 1e-1",
    "metrics.acc > -1",
    "dataset.name = 'd'",
    "dataset.colour = 'd'",
    "metrics. acc > 1",
    "metrics.acc = NULL",
    "metrics.acc IS NULL",
    "name = 'x'",
    "'a' = 'a'",
    "params.`lr` = '0.1' AND tags.t = 'v' and metrics.acc > 0",
    "   ",
    "status ='FINISHED'",
    "metrics.acc>0.75",
    "params.lr='0.1'",
    "params.lr = ''",
    "params.lr = '0.1",
    "tags.\"t\" = 'v'",
]:
    search(f, f)
for o in [
    "colour",
    "metrics.acc sideways",
    "metrics.acc DESC extra",
    "",
    "metrics",
    "foo.bar DESC",
    "attributes.none",
    "params.`lr`  desc",
    "run_name",
    "attributes.status ASC",
    "tags.t",
    "dataset.name",
]:
    search("order " + repr(o), "", order_by=[o])
post("search nowhere", "runs/search", {})
post("search an unknown experiment", "runs/search", {"experiment_ids": ["99999"]})
post("search an experiment that is none", "runs/search", {"experiment_ids": ["x"]})
post("search experiments that are no list", "runs/search", {"experiment_ids": "1"})
search("too many", max_results=50001)
search("none", max_results=0)
search("fewer than none", max_results=-1)
search("a text for a number", max_results="x")
search("an order that is no list", order_by="metrics.acc")
post(
    "a page of runs",
    "runs/search",
    {"experiment_ids": ["${one}"], "max_results": 2, "order_by": ["start_time"]},
    keep={"runpage": "next_page_token"},
)
post(
    "the next page of runs",
    "runs/search",
    {"experiment_ids": ["${one}"], "max_results": 2, "order_by": ["start_time"], "page_token": "${runpage}"},
)
post("delete a run", "runs/delete", {"run_id": "${third}"})
post("delete a run again", "runs/delete", {"run_id": "${third}"})
get("a deleted run", "runs/get", {"run_id": "${third}"})
post("log a metric to a deleted run", "runs/log-metric", {"run_id": "${third}", "key": "a", "value": 1, "timestamp": 1})
post("log a param to a deleted run", "runs/log-parameter", {"run_id": "${third}", "key": "a", "value": "1"})
post("log a batch to a deleted run", "runs/log-batch", {"run_id": "${third}", "tags": [{"key": "a", "value": "1"}]})
post("tag a deleted run", "runs/set-tag", {"run_id": "${third}", "key": "a", "value": "1"})
post("update a deleted run", "runs/update", {"run_id": "${third}", "status": "FINISHED"})
search("deleted ones", run_view_type="DELETED_ONLY")
search("all of them", run_view_type="ALL")
search("a view that is none", run_view_type="SOME")
post("restore a run", "runs/restore", {"run_id": "${third}"})
post("restore an unknown run", "runs/restore", {"run_id": "0" * 32})
post("delete an unknown run", "runs/delete", {"run_id": "0" * 32})
# log-model of 2.x
told = json.dumps(
    {
        "artifact_path": "m",
        "flavors": {"python_function": {"loader_module": "x"}},
        "utc_time_created": "2024",
        "run_id": "r",
    }
)
post("tell of a model", "runs/log-model", {"run_id": "${run}", "model_json": told})
post(
    "tell of a model without fields",
    "runs/log-model",
    {"run_id": "${run}", "model_json": json.dumps({"artifact_path": "m", "flavors": {}, "utc_time_created": "x"})},
)
post("tell of a model that is no JSON", "runs/log-model", {"run_id": "${run}", "model_json": "{"})
# artifacts
PROXY = "/api/2.0/mlflow-artifacts/artifacts"
base = PROXY + "/${one}/${run}/artifacts"


def put(name, path, raw="bytes"):
    step(name, "PUT " + base + path, raw=raw, type="application/octet-stream", status_only=True)


put("put a file", "/top.txt")
put("put a file in a folder", "/model/MLmodel", "flavors: {}")
put("put a file deeper", "/model/data/model.bin", "x" * 1000)
put("put an empty file", "/model/empty", "")
put("put a file again", "/top.txt", "other bytes")
put("put a file outside", "/../../../x")
put("put a file outside, hidden", "/%2e%2e/x")
put("put a file outside, hidden twice", "/%252e%252e%252fx")
step(
    "put a file with an absolute name",
    "PUT " + PROXY + "/%2Fetc/passwd",
    raw="x",
    type="application/octet-stream",
    status_only=True,
)
step("get a file", "GET " + base + "/top.txt")
step("get a file in a folder", "GET " + base + "/model/MLmodel")
step("get an empty file", "GET " + base + "/model/empty")
step("get a file that is not there", "GET " + base + "/none")
step("get a folder", "GET " + base + "/model", status_only=True)
step("get a file outside", "GET " + base + "/%2e%2e/%2e%2e/x")
step("get a file that is absolute", "GET " + PROXY + "/%2Fetc/passwd")
get("list the artifacts", "artifacts/list", {"run_id": "${run}"})
get("list a folder of artifacts", "artifacts/list", {"run_id": "${run}", "path": "model"})
get("list a folder deeper", "artifacts/list", {"run_id": "${run}", "path": "model/data"})
get("list a file", "artifacts/list", {"run_id": "${run}", "path": "top.txt"})
get("list nothing", "artifacts/list", {"run_id": "${run}", "path": "none"})
get("list outside", "artifacts/list", {"run_id": "${run}", "path": "../"})
get("list an absolute path", "artifacts/list", {"run_id": "${run}", "path": "/etc"})
get("list an encoded path", "artifacts/list", {"run_id": "${run}", "path": "%2e%2e/x"})
get("list an unknown run", "artifacts/list", {"run_id": "0" * 32})
get("list no run", "artifacts/list")
get("list an empty run", "artifacts/list", {"run_id": "${third}"})
step("list by the proxy", "GET " + PROXY, query={"path": "${one}/${run}/artifacts/model"})
step("list by the proxy outside", "GET " + PROXY, query={"path": "../.."})
step("list by the proxy nothing", "GET " + PROXY, query={"path": "${one}/${run}/artifacts/none"})
step("delete a file", "DELETE " + base + "/top.txt")
step("delete it once more", "DELETE " + base + "/top.txt", status_only=True)
step("delete outside", "DELETE " + base + "/%2e%2e/x")
get("list what is left", "artifacts/list", {"run_id": "${run}"})
# datasets
d = {
    "name": "iris",
    "digest": "d1",
    "source_type": "local",
    "source": '{"uri": "x"}',
    "schema": "{}",
    "profile": '{"rows": 3}',
}
post(
    "log a data set",
    "runs/log-inputs",
    {"run_id": "${run}", "datasets": [{"tags": [{"key": "mlflow.data.context", "value": "training"}], "dataset": d}]},
)
post(
    "log it once more",
    "runs/log-inputs",
    {"run_id": "${run}", "datasets": [{"tags": [{"key": "mlflow.data.context", "value": "training"}], "dataset": d}]},
)
post(
    "log it for something else",
    "runs/log-inputs",
    {
        "run_id": "${run}",
        "datasets": [
            {"tags": [{"key": "mlflow.data.context", "value": "test"}, {"key": "more", "value": "x"}], "dataset": d}
        ],
    },
)
post(
    "log another data set", "runs/log-inputs", {"run_id": "${second}", "datasets": [{"dataset": {**d, "digest": "d2"}}]}
)
post(
    "log a data set without a name",
    "runs/log-inputs",
    {"run_id": "${farrun}", "datasets": [{"dataset": {"digest": "x", "source_type": "local", "source": "x"}}]},
)
post("log no data sets", "runs/log-inputs", {"run_id": "${run}"})
post("log data sets to an unknown run", "runs/log-inputs", {"run_id": "0" * 32, "datasets": [{"dataset": d}]})
post("log data sets that are no list", "runs/log-inputs", {"run_id": "${run}", "datasets": 5})
get("a run with data", "runs/get", {"run_id": "${run}"})
search("by data set", "dataset.name = 'iris'")
search("by digest", "datasets.digest IN ('d2')")
search("by context", "dataset.context = 'training'")
search("by a part of a name", "dataset.name LIKE 'ir%'")
step("search data sets", "POST " + AJAX + "experiments/search-datasets", body={"experiment_ids": ["${one}"]})
step("search data sets nowhere", "POST " + AJAX + "experiments/search-datasets", body={"experiment_ids": []})
step(
    "search data sets in too many experiments",
    "POST " + AJAX + "experiments/search-datasets",
    body={"experiment_ids": [str(i) for i in range(21)]},
)
# what is refused, field by field
post("an experiment kept in a number", "experiments/create", {"name": "x", "artifact_location": 9.0})
post("tag an experiment with lines", "experiments/set-experiment-tag", {"experiment_id": "${one}", "key": "lines", "value": "a\nb\nc"})
post("tag an experiment with nothing", "experiments/set-experiment-tag", {"experiment_id": "${one}", "key": "none", "value": ""})
get("a tagged experiment", "experiments/get", {"experiment_id": "${one}"})
post("log a metric to a number", "runs/log-metric", {**m, "run_id": 31})
post("log a metric to null", "runs/log-metric", {**m, "run_id": None})
post("log a metric named by a number", "runs/log-metric", {**m, "key": 31})
post("log a metric named by null", "runs/log-metric", {**m, "key": None})
post("log a metric at a step that is a text", "runs/log-metric", {**m, "step": "foo"})
post("log a metric at a time that is a text", "runs/log-metric", {**m, "timestamp": "foo"})
post("log a param to a number", "runs/log-parameter", {"run_id": 31, "key": "p", "value": "1"})
post("log a param named by a number", "runs/log-parameter", {"run_id": "${run}", "key": 31, "value": "1"})
post("log a param twice over the length", "runs/log-parameter", {"run_id": "${run}", "key": "lines", "value": "a\nb"})
post("tag a number", "runs/set-tag", {"run_id": 31, "key": "t", "value": "v"})
post("tag a run by its old name", "runs/set-tag", {"run_uuid": "${run}", "key": "old", "value": "v"})
post("untag a run without id", "runs/delete-tag", {"key": "old"})
post("untag a run without a key", "runs/delete-tag", {"run_id": "${run}"})
post("untag an unknown run", "runs/delete-tag", {"run_id": "fake_run_id", "key": "old"})
post("log inputs to no run", "runs/log-inputs", {"datasets": []})
post("make a run with a long name", "runs/create", {"experiment_id": "${one}", "start_time": 1, "run_name": "n" * 251})
post("make a run in an experiment that is a number", "runs/create", {"experiment_id": 0, "start_time": 1})
post("make a run with tags of no key", "runs/create", {"experiment_id": "${one}", "start_time": 1, "tags": [{"value": "x"}]})
post("make a run with a long tag", "runs/create", {"experiment_id": "${one}", "start_time": 1, "tags": [{"key": "k" * 251, "value": "x"}]})
post("make a run with tags that are no list", "runs/create", {"experiment_id": "${one}", "start_time": 1, "tags": "x"})
post("search runs with too many", "runs/search", {"experiment_ids": ["${one}"], "max_results": 123456789})
# parents and names that come later
post("make a run to have a parent", "runs/create", {"experiment_id": "${two}", "start_time": 10, "run_name": "child"}, keep={"child": "run.info.run_id"})
post("give it a parent", "runs/set-tag", {"run_id": "${child}", "key": "mlflow.parentRunId", "value": "${run}"})
get("a run with a parent", "runs/get", {"run_id": "${child}"})
post("search by parent", "runs/search", {"experiment_ids": ["${two}"], "filter": "tags.mlflow.parentRunId = '${run}'"})
post("give it itself for a parent", "runs/set-tag", {"run_id": "${child}", "key": "mlflow.parentRunId", "value": "${child}"})
post("give it a parent that is none", "runs/set-tag", {"run_id": "${child}", "key": "mlflow.parentRunId", "value": "7"})
post("take its parent away", "runs/delete-tag", {"run_id": "${child}", "key": "mlflow.parentRunId"})
get("a run without a parent", "runs/get", {"run_id": "${child}"})
post("take its name away", "runs/delete-tag", {"run_id": "${child}", "key": "mlflow.runName"})
get("a run without a name", "runs/get", {"run_id": "${child}"})
post("name it by an empty tag", "runs/set-tag", {"run_id": "${child}", "key": "mlflow.runName", "value": ""})
get("a run named by an empty tag", "runs/get", {"run_id": "${child}"})
post("name it by nothing", "runs/update", {"run_id": "${child}", "run_name": ""})
get("a run named by nothing", "runs/get", {"run_id": "${child}"})
# points beside each other
for run, more in [("run", 0), ("child", 1)]:
    for key, points in {
        "A": [(1, 2, 10), (1, 3, 11), (1, 3, 12), (2, 3, 12)],
        "B": [(7, -2, -100), (8, 0, 0), (8, 0, 1), (9, 1, 12)],
    }.items():
        post(
            f"points of {key} of {run}",
            "runs/log-batch",
            {
                "run_id": "${%s}" % run,
                "metrics": [
                    {"key": key, "timestamp": time, "step": at, "value": value + more} for time, at, value in points
                ],
            },
        )
HISTORIES = "GET " + AJAX + "metrics/get-history-bulk"
for key in "AB":
    RUNS = [["run_id", "${run}"], ["run_id", "${child}"], ["metric_key", key]]
    # Runs are in the order of their ids, which are others.
    step(f"histories of {key}", HISTORIES, query=RUNS, unordered=True)
step("at most two of a history", HISTORIES, query=[["run_id", "${run}"], ["metric_key", "A"], ["max_results", "2"]])
for run, count in [("run", 10), ("child", 20)]:
    for time in [1, 2]:
        post(
            f"even points of {run} at {time}",
            "runs/log-batch",
            {
                "run_id": "${%s}" % run,
                "metrics": [{"key": "E", "timestamp": time, "step": at, "value": 10} for at in range(count)],
            },
        )
BOTH = [["run_ids", "${run}"], ["run_ids", "${child}"], ["metric_key", "E"], ["max_results", "5"]]
get("a sampled history of two runs of other length", SAMPLED, BOTH, unordered=True)
get("a sampled history within", SAMPLED, [*BOTH, ["start_step", "0"], ["end_step", "4"]], unordered=True)
get("a sampled history of no points", SAMPLED, [["run_ids", "${run}"], ["metric_key", "E"], ["max_results", "0"]])
get("a sampled history without a key", SAMPLED, [["run_ids", "${run}"], ["max_results", "5"]])
get("a sampled history of an unknown run", SAMPLED, [["run_ids", "0" * 32], ["metric_key", "E"]])
# what pages fetch
UPLOAD = "POST " + AJAX + "upload-artifact"
step("upload without a run", UPLOAD, raw="x", type="text/plain")
step("upload without a path", UPLOAD, raw="x", type="text/plain", query={"run_uuid": "${run}"})
step("upload outside", UPLOAD, raw="x", type="text/plain", query={"run_uuid": "${run}", "path": "../x"})
step("upload nothing", UPLOAD, raw="", type="text/plain", query={"run_uuid": "${run}", "path": "x.txt"})
step("upload", UPLOAD, raw="x", type="text/plain", query={"run_uuid": "${run}", "path": "x.txt"}, status_only=True)
step("get what was uploaded", "GET /get-artifact", query={"run_uuid": "${run}", "path": "x.txt"})
step("get outside", "GET /get-artifact", query={"run_uuid": "${run}", "path": "../x"})
step("get a version's file outside", "GET /model-versions/get-artifact", query={"name": "net", "version": "1", "path": "../x"})
# the order of what is logged
post(
    "an experiment with tags in an order of their own",
    "experiments/create",
    {"name": "ordered", "tags": [{"key": key, "value": "1"} for key in "zam"]},
    keep={"ordered": "experiment_id"},
)
get("tags of an experiment in order", "experiments/get", {"experiment_id": "${ordered}"}, in_order=True)
post(
    "a run that logs in an order of its own",
    "runs/create",
    {"experiment_id": "${ordered}", "run_name": "ordered"},
    keep={"logger": "run.info.run_id"},
)
for at, keys in enumerate(["zam", "yza", "b"]):
    pairs = [{"key": key, "value": "1"} for key in keys]
    points = [{"key": key, "value": 1.5, "timestamp": at, "step": at} for key in keys]
    sent = {"run_id": "${logger}", "params": pairs, "tags": pairs, "metrics": points}
    post(f"log in an order of its own, {at}", "runs/log-batch", sent)
get("what a run logged, in order", "runs/get", {"run_id": "${logger}"}, in_order=True)
post("what a run logged, in order, searched", "runs/search", {"experiment_ids": ["${ordered}"]}, in_order=True)
post("remove the experiment in order", "experiments/delete", {"experiment_id": "${ordered}"})

# logged models
LOGGED = "logged-models"
post(
    "make a logged model",
    LOGGED,
    {
        "experiment_id": "${one}",
        "name": "net",
        "model_type": "mlp",
        "source_run_id": "${run}",
        "params": [{"key": "lr", "value": "0.1"}],
        "tags": [{"key": "t", "value": "v"}],
    },
    keep={"model": "model.info.model_id"},
)
post("make a logged model without a name", LOGGED, {"experiment_id": "${one}"}, status_only=True)
post("make a logged model with a bad name", LOGGED, {"experiment_id": "${one}", "name": "a/b"})
post("make a logged model in an unknown experiment", LOGGED, {"experiment_id": "99999", "name": "x"})
post("make a logged model nowhere", LOGGED, {"name": "x"})
get("a logged model", LOGGED + "/${model}")
get("an unknown logged model", LOGGED + "/m-" + "0" * 32)
get("a logged model by no id", LOGGED + "/nope")
step(
    "finish a logged model",
    "PATCH " + LOGGED + "/${model}",
    body={"model_id": "${model}", "status": "LOGGED_MODEL_READY"},
)
step(
    "finish an unknown logged model",
    "PATCH " + LOGGED + "/m-" + "0" * 32,
    body={"model_id": "m-" + "0" * 32, "status": "LOGGED_MODEL_READY"},
)
step("tag a logged model", "PATCH " + LOGGED + "/${model}/tags", body={"tags": [{"key": "a", "value": "b"}]})
step("untag a logged model", "DELETE " + LOGGED + "/${model}/tags/a")
step("untag a logged model again", "DELETE " + LOGGED + "/${model}/tags/a")
post(
    "log params of a logged model",
    LOGGED + "/${model}/params",
    {"model_id": "${model}", "params": [{"key": "depth", "value": "3"}]},
)
post(
    "log a metric of a logged model",
    "runs/log-metric",
    {
        "run_id": "${run}",
        "key": "macc",
        "value": 0.5,
        "timestamp": 5,
        "step": 1,
        "model_id": "${model}",
        "dataset_name": "iris",
        "dataset_digest": "d1",
    },
)
post(
    "say which models were made", "runs/outputs", {"run_id": "${run}", "models": [{"model_id": "${model}", "step": 3}]}
)
post("say which models were read", "runs/log-inputs", {"run_id": "${second}", "models": [{"model_id": "${model}"}]})
post("say that no models were made", "runs/outputs", {"run_id": "${run}"})
get("a logged model with everything", LOGGED + "/${model}")
get("a run with models", "runs/get", {"run_id": "${run}"})
get("a run that read a model", "runs/get", {"run_id": "${second}"})
for kept in ["run", "second"]:
    asked = {"experiment_ids": ["${one}"], "filter": "attributes.run_id = '${%s}'" % kept}
    post(f"search for the {kept} with models", "runs/search", asked)
step(
    "put a file of a model",
    "PUT " + PROXY + "/${one}/models/${model}/artifacts/MLmodel",
    raw="x",
    type="application/octet-stream",
    status_only=True,
)
step("get a file of a model", "GET " + PROXY + "/${one}/models/${model}/artifacts/MLmodel")
get("list the files of a model", LOGGED + "/${model}/artifacts/directories")
post("search logged models", LOGGED + "/search", {"experiment_ids": ["${one}"]})
for f in [
    "name = 'net'",
    "metrics.macc > 0.4",
    "params.lr = '0.1'",
    "tags.t = 'v'",
    "attributes.status = 'READY'",
    "source_run_id = '${run}'",
    "colour = 'x'",
    "name LIKE 'net%'",
    "metrics.macc > 'x'",
]:
    post("search logged models: " + f, LOGGED + "/search", {"experiment_ids": ["${one}"], "filter": f})
post(
    "search logged models in order",
    LOGGED + "/search",
    {"experiment_ids": ["${one}"], "order_by": [{"field_name": "metrics.macc", "ascending": False}]},
)
post(
    "search logged models by data",
    LOGGED + "/search",
    {
        "experiment_ids": ["${one}"],
        "filter": "metrics.macc > 0.4",
        "datasets": [{"dataset_name": "iris", "dataset_digest": "d1"}],
    },
)
post("search logged models nowhere", LOGGED + "/search", {})
# registry
REGISTERED = "registered-models"
VERSIONS = "model-versions"
post(
    "register a model",
    REGISTERED + "/create",
    {"name": "net", "description": "d", "tags": [{"key": "a", "value": "b"}]},
)
post("register it again", REGISTERED + "/create", {"name": "net"})
for n in ["", "a/b", "a:b", " ", ".."]:
    post("register the name " + repr(n), REGISTERED + "/create", {"name": n})
post("register without a name", REGISTERED + "/create", {})
post("register a number", REGISTERED + "/create", {"name": 5})
get("a registered model", REGISTERED + "/get", {"name": "net"})
get("an unknown registered model", REGISTERED + "/get", {"name": "none"})
get("a registered model without a name", REGISTERED + "/get")
step("describe a registered model", "PATCH " + REGISTERED + "/update", body={"name": "net", "description": "new"})
step("describe an unknown one", "PATCH " + REGISTERED + "/update", body={"name": "none", "description": "x"})
post("tag a registered model", REGISTERED + "/set-tag", {"name": "net", "key": "c", "value": "d"})
step("untag a registered model", "DELETE " + REGISTERED + "/delete-tag", body={"name": "net", "key": "c"})
step("untag it thrice", "DELETE " + REGISTERED + "/delete-tag", body={"name": "net", "key": "c"})
post("tag an unknown registered model", REGISTERED + "/set-tag", {"name": "none", "key": "c", "value": "d"})
source = "mlflow-artifacts:/${one}/${run}/artifacts/model"
post(
    "make a version",
    VERSIONS + "/create",
    {"name": "net", "source": source, "run_id": "${run}", "tags": [{"key": "x", "value": "y"}], "description": "first",
     "run_link": "https://host/#/runs/7"},
)
post(
    "make a second version",
    VERSIONS + "/create",
    {"name": "net", "source": "runs:/${run}/model", "run_id": "${run}"},
)
post(
    "make a version of a logged model",
    VERSIONS + "/create",
    {"name": "net", "source": "models:/${model}", "model_id": "${model}"},
)
for n, (comparator, value) in enumerate((c, v) for c in ["=", "!=", "LIKE"] for v in ["true", "false", "TRUE", "x"]):
    told = {"filter": f"tag.`mlflow.prompt.is_prompt` {comparator} '{value}'"}
    get(f"registered models by the tag of prompts {n}", REGISTERED + "/search", told)
    get(f"versions by the tag of prompts {n}", VERSIONS + "/search", told)
get(
    "registered models that are no prompts, by name",
    REGISTERED + "/search",
    {"filter": "name LIKE 'n%' AND tag.`mlflow.prompt.is_prompt` != 'true'"},
)
post("make a version of an unknown model", VERSIONS + "/create", {"name": "none", "source": source, "run_id": "${run}"})
post("make a version without a source", VERSIONS + "/create", {"name": "net"})
post("make a version of a local file", VERSIONS + "/create", {"name": "net", "source": "/etc/passwd"})
post("make a version of a file address", VERSIONS + "/create", {"name": "net", "source": "file:///etc"})
post(
    "make a version from outside",
    VERSIONS + "/create",
    {"name": "net", "source": "mlflow-artifacts:/${one}/${run}/artifacts/../../x", "run_id": "${run}"},
)
post(
    "make a version from outside, hidden",
    VERSIONS + "/create",
    {"name": "net", "source": "mlflow-artifacts:/${one}/${run}/artifacts/%2e%2e/x", "run_id": "${run}"},
)
post("register a model of many sources", REGISTERED + "/create", {"name": "sources"})
ROOT = "mlflow-artifacts:/${one}/${run}/artifacts"
for n in [
    ROOT,
    ROOT + "/",
    ROOT + "///",
    ROOT + "/a///b",
    ROOT + "/....",
    ROOT + "/m/.",
    ROOT + "x",
    ROOT + "/a%00",
    ROOT + "/a b",
    "mlflow-artifacts:/models",
    "mlflow-artifacts://host:9000/${one}/${run}/artifacts/m",
    "https://host/m",
    "s3://bucket/m",
    "s3a://bucket/../../",
    "dbfs:/m",
    "runs:/${run}/m",
    "runs:/${run}/../m",
    "runs:/${second}/m",
    "models:/net/1",
    "models:/net@x",
    "models:/${model}",
    "/m",
    "",
]:
    post(
        "make a version of " + repr(n),
        VERSIONS + "/create",
        {"name": "sources", "source": n, "run_id": "${run}"},
    )
    if "://host" not in n:
        post("make a version of nobody, of " + repr(n), VERSIONS + "/create", {"name": "sources", "source": n})
get("where the last of many is", REGISTERED + "/get", {"name": "sources"}, status_only=True)
post("make a version of an unknown run", VERSIONS + "/create", {"name": "sources", "source": "s3://b/m", "run_id": "0" * 32})
post("make a version of an unknown logged model", VERSIONS + "/create", {"name": "sources", "source": "s3://b/m", "model_id": "m-" + "0" * 32})
get("a version", VERSIONS + "/get", {"name": "net", "version": "1"})
get("an unknown version", VERSIONS + "/get", {"name": "net", "version": "99"})
get("a version that is none", VERSIONS + "/get", {"name": "net", "version": "x"})
get("a version of an unknown model", VERSIONS + "/get", {"name": "none", "version": "1"})
get("a version without a number", VERSIONS + "/get", {"name": "net"})
get("where a version is", VERSIONS + "/get-download-uri", {"name": "net", "version": "1"})
get("where an unknown version is", VERSIONS + "/get-download-uri", {"name": "net", "version": "99"})
step(
    "describe a version", "PATCH " + VERSIONS + "/update", body={"name": "net", "version": "1", "description": "better"}
)
post("move a version", VERSIONS + "/transition-stage", {"name": "net", "version": "1", "stage": "staging"})
post(
    "move another version",
    VERSIONS + "/transition-stage",
    {"name": "net", "version": "2", "stage": "Staging", "archive_existing_versions": True},
)
post("move a version nowhere", VERSIONS + "/transition-stage", {"name": "net", "version": "1", "stage": "Moon"})
post(
    "move a version out of use",
    VERSIONS + "/transition-stage",
    {"name": "net", "version": "1", "stage": "Archived", "archive_existing_versions": True},
)
post("move an unknown version", VERSIONS + "/transition-stage", {"name": "net", "version": "9", "stage": "Staging"})
post("the latest versions", REGISTERED + "/get-latest-versions", {"name": "net"}, unordered=True)
get("the latest versions by GET", REGISTERED + "/get-latest-versions", {"name": "net"}, unordered=True)
post("the latest of a stage", REGISTERED + "/get-latest-versions", {"name": "net", "stages": ["Staging"]})
post("the latest of no stage", REGISTERED + "/get-latest-versions", {"name": "net", "stages": ["Moon"]})
post("the latest of an unknown model", REGISTERED + "/get-latest-versions", {"name": "none"})
post("tag a version", VERSIONS + "/set-tag", {"name": "net", "version": "1", "key": "k", "value": "v"})
step("untag a version", "DELETE " + VERSIONS + "/delete-tag", body={"name": "net", "version": "1", "key": "k"})
post("tag an unknown version", VERSIONS + "/set-tag", {"name": "net", "version": "9", "key": "k", "value": "v"})
post("set an alias", REGISTERED + "/alias", {"name": "net", "alias": "champion", "version": "1"})
post("move an alias", REGISTERED + "/alias", {"name": "net", "alias": "champion", "version": "2"})
for a in ["latest", "v1", "a b", "", "LATEST"]:
    post("set the alias " + repr(a), REGISTERED + "/alias", {"name": "net", "alias": a, "version": "1"})
post("set an alias of an unknown version", REGISTERED + "/alias", {"name": "net", "alias": "x", "version": "99"})
post("set an alias of an unknown model", REGISTERED + "/alias", {"name": "none", "alias": "x", "version": "1"})
post("set a long alias", REGISTERED + "/alias", {"name": "net", "alias": "a" * 256, "version": "1"})
get("a version by its alias", REGISTERED + "/alias", {"name": "net", "alias": "champion"})
get("a version by an unknown alias", REGISTERED + "/alias", {"name": "net", "alias": "none"})
get("a version by an alias of an unknown model", REGISTERED + "/alias", {"name": "none", "alias": "x"})
get("a registered model with aliases", REGISTERED + "/get", {"name": "net"})
get("a version with an alias", VERSIONS + "/get", {"name": "net", "version": "2"})
post("register another", REGISTERED + "/create", {"name": "Other"})
for f in [
    None,
    "name = 'net'",
    "name LIKE '%e%'",
    "name ILIKE 'o%'",
    "name IN ('net')",
    "tags.a = 'b'",
    "tags.a != 'b'",
    "colour = 'x'",
    "name > 'x'",
    "name = 5",
]:
    q = {"max_results": "10"}
    if f:
        q["filter"] = f
    get("search registered models: " + str(f), REGISTERED + "/search", q)
get("a page of registered models", REGISTERED + "/search", {"max_results": "1"}, keep={"modelpage": "next_page_token"})
get("the next page of registered models", REGISTERED + "/search", {"max_results": "1", "page_token": "${modelpage}"})
get("registered models in order", REGISTERED + "/search", {"order_by": "name DESC"})
get("too many registered models", REGISTERED + "/search", {"max_results": "1001"})
get("registered models in no order", REGISTERED + "/search", {"order_by": "colour"})
for f in [
    None,
    "name = 'net'",
    "run_id = '${run}'",
    "source_path LIKE 'models%'",
    "version_number > 1",
    "version_number = 'x'",
    "tags.x = 'y'",
    "colour = 'x'",
    "name='net' and version_number = 2",
    "run_id IN ('${run}')",
    "version_number = 1",
]:
    q = {"max_results": "10"}
    if f:
        q["filter"] = f
    get("search versions: " + str(f), VERSIONS + "/search", q)
get("versions in order", VERSIONS + "/search", {"order_by": "version_number ASC"})
get("too many versions", VERSIONS + "/search", {"max_results": "200001"})
step("delete an alias", "DELETE " + REGISTERED + "/alias", body={"name": "net", "alias": "champion"})
step("delete an alias again", "DELETE " + REGISTERED + "/alias", body={"name": "net", "alias": "champion"})
step("delete a version", "DELETE " + VERSIONS + "/delete", body={"name": "net", "version": "1"})
step("delete a version again", "DELETE " + VERSIONS + "/delete", body={"name": "net", "version": "1"})
post("rename a registered model", REGISTERED + "/rename", {"name": "net", "new_name": "netz"})
post("rename it to one that is taken", REGISTERED + "/rename", {"name": "netz", "new_name": "Other"})
post("rename an unknown registered model", REGISTERED + "/rename", {"name": "none", "new_name": "x"})
post("rename a registered model badly", REGISTERED + "/rename", {"name": "netz", "new_name": "a/b"})
get("a renamed model", REGISTERED + "/get", {"name": "netz"})
step("delete a registered model", "DELETE " + REGISTERED + "/delete", body={"name": "netz"})
step("delete a registered model again", "DELETE " + REGISTERED + "/delete", body={"name": "netz"})
step("delete a logged model", "DELETE " + LOGGED + "/${model}")
get("a deleted logged model", LOGGED + "/${model}")
# more searches of logged models
for n, metric, params in [("a", 0.1, "1"), ("b", 0.9, "2"), ("c", 0.5, "10")]:
    post(
        "log the model " + n,
        LOGGED,
        {
            "experiment_id": "${two}",
            "name": n,
            "model_type": "t" + n,
            "source_run_id": "${run}",
            "params": [{"key": "p", "value": params}],
            "tags": [{"key": "k", "value": n}],
        },
        keep={"logged" + n: "model.info.model_id"},
    )
    for data, more, time in [("d1", 0, 5), ("d2", 0.05, 6)]:
        post(
            f"measure the model {n} on {data}",
            "runs/log-metric",
            {
                "run_id": "${run}",
                "key": "score",
                "value": metric + more,
                "timestamp": time,
                "step": 1,
                "model_id": "${logged%s}" % n,
                "dataset_name": data,
                "dataset_digest": "x",
            },
        )
for f in [
    "name = 'a'",
    "name != 'a'",
    "name ILIKE 'A'",
    "name IN ('a', 'b')",
    "name NOT IN ('a', 'b')",
    "attributes.name = 'a'",
    "model_type = 'ta'",
    "model_type LIKE 't%'",
    "model_id = '${logged}'",
    "model_id IN ('${loggeda}', '${loggedb}')",
    "experiment_id = '${two}'",
    "creation_timestamp > 0",
    "creation_time > 0",
    "last_updated_timestamp > 0",
    "status = 'PENDING'",
    "params.p = '1'",
    "params.p != '1'",
    "params.p > '1'",
    "params.p LIKE '1%'",
    "params.none = '1'",
    "tags.k = 'a'",
    "tags.k LIKE '%'",
    "tags.`k` = 'a'",
    "metrics.score > 0.4",
    "metrics.score > 0.4 AND params.p = '10'",
    "metrics.score = 0.5",
    "metrics.none > 0",
    "metrics.score > 0.4 OR name = 'a'",
    "foo.bar = 'x'",
    "name > 'a'",
    "name",
]:
    post("search models: " + f, LOGGED + "/search", {"experiment_ids": ["${two}"], "filter": f, "order_by": [{"field_name": "name"}]})
for o in [
    {"field_name": "name"},
    {"field_name": "name", "ascending": False},
    {"field_name": "metrics.score"},
    {"field_name": "metrics.score", "ascending": False},
    {"field_name": "metrics.score", "dataset_name": "d1", "dataset_digest": "x"},
    {"field_name": "metrics.score", "dataset_name": "d2"},
    {"field_name": "params.p"},
    {"field_name": "tags.k"},
    {"field_name": "creation_timestamp", "ascending": True},
    {"field_name": "creation_time", "ascending": True},
    {"field_name": "colour"},
    {"field_name": "name", "dataset_name": "d1"},
    {},
]:
    post("models in the order of " + json.dumps(o), LOGGED + "/search", {"experiment_ids": ["${two}"], "order_by": [o]})
for d in [
    [{"dataset_name": "d1"}],
    [{"dataset_name": "d1", "dataset_digest": "x"}],
    [{"dataset_name": "d1", "dataset_digest": "y"}],
    [{"dataset_name": "d1"}, {"dataset_name": "d2"}],
    [{"dataset_digest": "x"}],
]:
    post(
        "models measured on " + json.dumps(d),
        LOGGED + "/search",
        {"experiment_ids": ["${two}"], "filter": "metrics.score > 0.52", "datasets": d, "order_by": [{"field_name": "name"}]},
    )
post("too many models", LOGGED + "/search", {"experiment_ids": ["${two}"], "max_results": 100000})
post("a page of models", LOGGED + "/search", {"experiment_ids": ["${two}"], "max_results": 2, "order_by": [{"field_name": "name"}]}, keep={"loggedpage": "next_page_token"})
post("the next page of models", LOGGED + "/search", {"experiment_ids": ["${two}"], "max_results": 2, "order_by": [{"field_name": "name"}], "page_token": "${loggedpage}"})
step("finish a model with a status that is none", "PATCH " + LOGGED + "/${loggeda}", body={"model_id": "${loggeda}", "status": "DONE"})
step("finish a model without a status", "PATCH " + LOGGED + "/${loggeda}", body={"model_id": "${loggeda}"})
step("tag an unknown model", "PATCH " + LOGGED + "/m-" + "0" * 32 + "/tags", body={"tags": [{"key": "a", "value": "x"}]})
post("log params of an unknown model", LOGGED + "/m-" + "0" * 32 + "/params", {"model_id": "m-" + "0" * 32, "params": [{"key": "a", "value": "x"}]})
post("log another value of a model's param", LOGGED + "/${loggeda}/params", {"model_id": "${loggeda}", "params": [{"key": "p", "value": "x"}]})
step("delete an unknown model", "DELETE " + LOGGED + "/m-" + "0" * 32)
post("say that an unknown model was made", "runs/outputs", {"run_id": "${run}", "models": [{"model_id": "m-" + "0" * 32, "step": 3}]})
post("measure an unknown model", "runs/log-metric", {"run_id": "${run}", "key": "a", "value": 1, "timestamp": 1, "model_id": "m-" + "0" * 32})
get("a model with two measures", LOGGED + "/${loggeda}")
# what requests leave out, and values at their ends
post("make an experiment of gaps", "experiments/create", {"name": "gaps"}, keep={"gaps": "experiment_id"})
GAP = {"experiment_id": "${gaps}", "start_time": 1, "run_name": "gap"}
post("make a run for gaps", "runs/create", GAP, keep={"gap": "run.info.run_id"})
post("end it with a time", "runs/update", {"run_id": "${gap}", "status": "FINISHED", "end_time": 7})
post("take it up again", "runs/update", {"run_id": "${gap}", "status": "RUNNING"})
post("put it off", "runs/update", {"run_id": "${gap}", "status": "SCHEDULED"})
post("make a run that ends", "runs/create", GAP, keep={"ends": "run.info.run_id"})
post("end it at 0", "runs/update", {"run_id": "${ends}", "end_time": 0})
get("it has not ended", "runs/get", {"run_id": "${ends}"})
post("end it without a time", "runs/update", {"run_id": "${ends}", "status": "FINISHED"})
post("end it before 1970", "runs/update", {"run_id": "${ends}", "end_time": -5})
START = "run.info.start_time"
post("a run without a start", "runs/create", {"experiment_id": "${gaps}", "run_name": "gap"}, only=START)
post("a run without an experiment", "runs/create", {"start_time": 1, "run_name": "gap"})
post("a run in an experiment of no number", "runs/create", {**GAP, "experiment_id": ""})
post("a run before 1970", "runs/create", {**GAP, "start_time": -5})
P = {"run_id": "${gap}", "key": "p", "value": 1, "timestamp": 1, "step": 1}
TRUE_POINT = {"key": "batch", "value": True, "timestamp": 1, "step": 1}
FAR_POINT = {"key": "p", "value": 1, "timestamp": 1, "step": 2**63}
post("log what is true", "runs/log-metric", {**P, "key": "true", "value": True})
post("log what is false", "runs/log-metric", {**P, "key": "false", "value": False})
post("log true in a batch", "runs/log-batch", {"run_id": "${gap}", "metrics": [TRUE_POINT]})
for key in ["true", "false", "batch"]:
    get("what was logged as " + key, "metrics/get-history", {"run_id": "${gap}", "metric_key": key})
post("log a step that is true", "runs/log-metric", {**P, "step": True})
post("log a step of 2^63", "runs/log-metric", {**P, "step": 2**63})
post("log a step below -2^63", "runs/log-metric", {**P, "step": -(2**63) - 1})
post("log at a time of 2^63", "runs/log-metric", {**P, "timestamp": 2**63})
post("log a step of 2^63 in a batch", "runs/log-batch", {"run_id": "${gap}", "metrics": [FAR_POINT]})
post("make a run for an infinity", "runs/create", GAP, keep={"infinite": "run.info.run_id"})
INFINITE = {"key": "i", "value": "-Infinity", "timestamp": 1, "step": 1}
post("log an infinity in a batch", "runs/log-batch", {"run_id": "${infinite}", "metrics": [INFINITE]})
get("a run with an infinity of a batch", "runs/get", {"run_id": "${infinite}"})
FILES = PROXY + "/${gaps}/${gap}/artifacts"


def put_gap(name, path):
    # MLflow reads no body that it refuses, and takes the rest of it for the next request.
    kind = {"Content-Type": "application/octet-stream", "Connection": "close"}
    step(name, "PUT " + FILES + path, raw="abc", headers=kind, status_only=True)


put_gap("put a file of gaps", "/file")
put_gap("put it again", "/file")
put_gap("put a file under a file", "/file/under")
put_gap("put a file in a folder of gaps", "/folder/inner")
put_gap("put a file in place of a folder", "/folder")
step("get a range that is none", "GET " + FILES + "/file", headers={"Range": "bytes=x"}, status_only=True)
step("get a file of gaps", "GET " + FILES + "/file")
step("get nothing by run", "GET /get-artifact", query={"run_uuid": "${gap}", "path": "none"})
step("get a folder by run", "GET /get-artifact", query={"run_uuid": "${gap}", "path": "folder"})
get("search experiments without a limit by GET", "experiments/search")
post("search experiments without a limit", "experiments/search", {})
post("delete the run of gaps", "runs/delete", {"run_id": "${gap}"})
put_gap("put a file of a deleted run", "/late")
# names at their ends, ids of nothing, and what the registry means by `latest`
post("an experiment of edges", "experiments/create", {"name": "edges"}, keep={"edges": "experiment_id"})
post("a run of edges", "runs/create", {"experiment_id": "${edges}", "start_time": 1, "run_name": "edge"}, keep={"edge": "run.info.run_id"})
EDGE = {"experiment_id": "${edges}", "name": "edge"}
post("a model of edges", LOGGED, EDGE, keep={"edgemodel": "model.info.model_id"})
post("an experiment at a place with a fragment", "experiments/create", {"name": "x", "artifact_location": "/tmp/x?y=1#z"})
post("a registered model of edges", REGISTERED + "/create", {"name": "edges"})
get("the latest of no versions", REGISTERED + "/alias", {"name": "edges", "alias": "latest"})
for number in ["1", "2"]:
    post(f"version {number} of edges", VERSIONS + "/create", {"name": "edges", "source": "s3://bucket/" + number})
post("version 1 of edges is in use", VERSIONS + "/transition-stage", {"name": "edges", "version": "1", "stage": "Production"})
for alias in ["latest", "Latest", "LATEST"]:
    get(f"the version by the alias {alias}", REGISTERED + "/alias", {"name": "edges", "alias": alias})
    post(f"set the alias {alias}", REGISTERED + "/alias", {"name": "edges", "alias": alias, "version": "1"})
get("the alias latest of an unknown model", REGISTERED + "/alias", {"name": "none", "alias": "latest"})
step("delete the alias latest", "DELETE " + REGISTERED + "/alias", body={"name": "edges", "alias": "latest"})
post("a version of the latest", VERSIONS + "/create", {"name": "edges", "source": "models:/edges@latest"})
post("a version of a script", VERSIONS + "/create", {"name": "edges", "source": "javascript:alert(1)"})
post("a version of data", VERSIONS + "/create", {"name": "edges", "source": "data:x,y"})
post("a version of an unknown scheme", VERSIONS + "/create", {"name": "edges", "source": "colour:/x/y"})
post("a version of an unknown version", VERSIONS + "/create", {"name": "edges", "source": "models:/nope/1"})
post("a version of an unknown number", VERSIONS + "/create", {"name": "edges", "source": "models:/edges/77"})
post("a version of no logged model", VERSIONS + "/create", {"name": "edges", "source": "s3://bucket/x", "model_id": "m-nope"})
post("a version of an unknown logged model", VERSIONS + "/create", {"name": "edges", "source": "s3://bucket/x", "model_id": "m-" + "0" * 32})
step("describe a version by nothing", "PATCH " + VERSIONS + "/update", body={"name": "edges", "version": "1"})
get("a version that was described by nothing", VERSIONS + "/get", {"name": "edges", "version": "1"})
post("a version with an empty description", VERSIONS + "/create", {"name": "edges", "source": "s3://bucket/3", "description": ""})
get("search versions of a word without quotes", VERSIONS + "/search", {"filter": "version=1"})
post("a registered model with a long name", REGISTERED + "/create", {"name": "n" * 300})
for limit in ["0", "-1"]:
    get("registered models, at most " + limit, REGISTERED + "/search", {"max_results": limit, "filter": "name = 'edges'"})
    get("versions, at most " + limit, VERSIONS + "/search", {"max_results": limit, "filter": "name = 'none'"})
for id, what in [("m-nope", "no"), ("m-" + "0" * 32, "an unknown")]:
    post(f"{what} model comes of a run", "runs/outputs", {"run_id": "${edge}", "models": [{"model_id": id, "step": 3}]})
    post(f"{what} model goes into a run", "runs/log-inputs", {"run_id": "${edge}", "models": [{"model_id": id}]})
get("a run with models of nowhere", "runs/get", {"run_id": "${edge}"})
post("a data set of nothing", "runs/log-inputs", {"run_id": "${edge}", "datasets": [{}]})
post("log at a broken time", "runs/log-metric", {"run_id": "${edge}", "key": "t", "value": 1, "timestamp": 1.5})
post("log at a broken time in a batch", "runs/log-batch", {"run_id": "${edge}", "metrics": [{"key": "t", "value": 1, "timestamp": 1.5}]})
post("a model with a long param", LOGGED, {**EDGE, "params": [{"key": "p", "value": "v" * 7000}]})
post("a model with a longer param", LOGGED, {**EDGE, "params": [{"key": "p", "value": "v" * 600}]})
post("a model with a long key of a param", LOGGED, {**EDGE, "params": [{"key": "k" * 300, "value": "v"}]})
post("a model with a long key of a tag", LOGGED, {**EDGE, "tags": [{"key": "k" * 300, "value": "v"}]})
step("a long key of a model's tag", "PATCH " + LOGGED + "/${edgemodel}/tags", body={"tags": [{"key": "k" * 300, "value": "v"}]})
post("a model of an unknown run", LOGGED, {**EDGE, "source_run_id": "0" * 32})
post("a model of no run", LOGGED, {**EDGE, "source_run_id": "nope"})
post("models of no experiments", LOGGED + "/search", {"experiment_ids": []})
post("models of experiments that are not said", LOGGED + "/search", {})
post("params of a model that the body does not name", LOGGED + "/${edgemodel}/params", {"params": [{"key": "a", "value": "x"}]})
step("finish a model that the body does not name", "PATCH " + LOGGED + "/${edgemodel}", body={"status": "LOGGED_MODEL_READY"})
post("a model that is measured", LOGGED, EDGE, keep={"measured": "model.info.model_id"})
POINT = {"run_id": "${edge}", "value": 1, "timestamp": 1, "model_id": "${measured}"}
for key in ["z", "a"]:
    post("measure the model: " + key, "runs/log-metric", {**POINT, "key": key})
get("measures of a model, in order", LOGGED + "/${measured}", in_order=True)
post("log what is no number", "runs/log-metric", {"run_id": "${edge}", "key": "nan", "value": "NaN", "timestamp": 1})
step("histories of what is no number", HISTORIES, query=[["run_id", "${edge}"], ["metric_key", "nan"]])
get("get a file of no run", "/get-artifact", {"path": "x"})
get("get a file of an unknown run", "/get-artifact", {"run_uuid": "0" * 32, "path": "x"})
get("list files of an unknown run", "artifacts/list", {"run_id": "0" * 32})
get("get a file without a path", "/get-artifact", {"run_uuid": "${edge}"})
get("get a file of a model without a path", AJAX + LOGGED + "/${edgemodel}/artifacts/files")
# a corpus of filters over the same runs: which match, and in which order
post("make the corpus", "experiments/create", {"name": "corpus"}, keep={"corpus": "experiment_id"})
for run in DATA:
    name, id = run["name"], "${%s}" % run["name"]
    created = {"experiment_id": "${corpus}", "start_time": run["start"], "run_name": run["called"], "user_id": run["user"]}
    if run["parent"]:
        created["tags"] = [{"key": "mlflow.parentRunId", "value": "${%s}" % run["parent"]}]
    post("make " + name, "runs/create", created, keep={name: "run.info.run_id"})
    post("fill " + name, "runs/log-batch", {"run_id": id, **run["logged"]})
    post("give data to " + name, "runs/log-inputs", {"run_id": id, "datasets": run["data"]})
    post("end " + name, "runs/update", {"run_id": id, **run["end"]})
# Ids decide ties, and they are others: a last key makes the order of all runs whole.
for f in FILTERS:
    body = {"experiment_ids": ["${corpus}"], "filter": f, "order_by": ["params.n"]}
    post("corpus: " + f, "runs/search", body, ids=True)
for o in ORDERS:
    body = {"experiment_ids": ["${corpus}"], "order_by": [*o, "params.n"]}
    post("corpus in the order of " + repr(o), "runs/search", body, ids=True)
# what MLflow's database folds, and what it keeps for an infinity
post("make an experiment of odd ones", "experiments/create", {"name": "odd ones"}, keep={"odd": "experiment_id"})
post("make an odd one", "runs/create", {"experiment_id": "${odd}", "run_name": "É"}, keep={"oddone": "run.info.run_id"})
ODD = {"metrics": [{"key": "m", "value": "Infinity", "timestamp": 1, "step": 1}], "params": [{"key": "p", "value": "É"}]}
post("log odd ones", "runs/log-batch", {"run_id": "${oddone}", **ODD})
for f in [
    *["params.p ILIKE 'É'", "params.p ILIKE 'é'", "params.p LIKE 'é'", "run_name ILIKE 'é'"],
    *["metrics.m < 1e400", "metrics.m <= 1e400", "metrics.m = 1e400", "metrics.m != 1e400", "metrics.m > 1e400"],
    *["metrics.m >= 1e400", "metrics.m > 1.7976931348623157e308", "metrics.m > 1e308", "metrics.m > -1e400"],
]:
    post("odd ones: " + f, "runs/search", {"experiment_ids": ["${odd}"], "filter": f}, ids=True)
get("a query that is too long", "metrics/get-history", {"run_id": "x" * 70000})
get("the health", "/health")
get("the version", "/version")
# last, since these leave the two servers with other experiments
post("make an experiment that goes", "experiments/create", {"name": "goes"}, keep={"goes": "experiment_id"})
post("delete the one that goes", "experiments/delete", {"experiment_id": "${goes}"})
post("make an experiment with the name of a deleted one", "experiments/create", {"name": "goes"})
post("restore an experiment whose name another one has", "experiments/restore", {"experiment_id": "${goes}"})
post("delete the default experiment", "experiments/delete", {"experiment_id": "0"})
