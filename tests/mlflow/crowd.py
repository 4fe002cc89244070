"""One of a crowd that logs to one store: it begins when all others are there too.

    crowd.py NAME PARTS POINTS

Runs with the clients of 2.9 and of 3.x alike; NAME.json has its run and the numbers of the versions that it registered.
"""

import json
import sys
import time
from pathlib import Path

import mlflow
from mlflow.entities import Metric, Param, RunTag
from mlflow.exceptions import MlflowException

name, parts, points = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
client = mlflow.MlflowClient()
client.get_experiment("0")

Path(f"here.{name}").touch()
deadline = time.time() + 300
while not Path("go").exists():
    assert time.time() < deadline
    time.sleep(0.01)

versions = []
with mlflow.start_run(run_name=name) as active:
    run = active.info.run_id
    client.log_text(run, "weights", "model/w")
    # Everybody tries to be the first.
    try:
        client.create_registered_model("shared")
    except MlflowException as fault:
        assert fault.error_code == "RESOURCE_ALREADY_EXISTS", fault
    for part in range(parts):
        steps = range(part * points, (part + 1) * points)
        metrics = [Metric("loss", step, 1, step) for step in steps]
        client.log_batch(run, metrics, [Param(f"p{part}", str(part))], [RunTag(f"t{part}", str(part))])
        mlflow.log_metric("alone", part, step=part)
        made = client.create_model_version("shared", f"runs:/{run}/model", run_id=run)
        versions.append(int(made.version))
Path(f"{name}.json").write_text(json.dumps({"run": run, "versions": versions}))
