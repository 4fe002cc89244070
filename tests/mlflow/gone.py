"""The script of a stage that loses the run store while it runs, and does not notice.

    gone.py HOW

HOW is `damaged` (it was so from the start), `removed` (for good), `replaced` (by `other.db`), `aside` (somebody puts it back when the stage is over), `returns` (it
comes back before the script ends), `full` (the disk has no room, until the script ends) or `locked` (another process writes to it as long
as the script runs).
Runs with the clients of 2.9 and of 3.x alike.
"""

import os
import sqlite3
import sys

import mlflow
from sklearn.linear_model import LogisticRegression

NEW = int(mlflow.__version__.split(".")[0]) >= 3
HOW = sys.argv[1]
locks = []


def move(source, target):
    for name in ["", "-wal", "-shm"]:
        if os.path.exists(source + name):
            os.replace(source + name, target + name)


def lose():
    if HOW == "full":
        with open("fill", "wb", buffering=0) as file:
            try:
                while True:
                    file.write(b"x" * 4096)
            except OSError:
                pass
    elif HOW == "damaged":
        pass
    elif HOW == "locked":
        # Let go of when this process is gone.
        lock = sqlite3.connect(".pipe/runs.db", isolation_level=None, timeout=60)
        lock.execute("BEGIN EXCLUSIVE")
        locks.append(lock)
    elif HOW == "replaced":
        os.replace("other.db", ".pipe/runs.db")
    else:
        move(".pipe/runs.db", "aside.db")
        if HOW == "removed":
            for name in ["", "-wal", "-shm"]:
                if os.path.exists("aside.db" + name):
                    os.remove("aside.db" + name)


# What a library loads late must not need room.
model = LogisticRegression(max_iter=100).fit([[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1])
early = mlflow.set_experiment("early").experiment_id
mlflow.start_run(run_name="begun")
mlflow.log_param("depth", 1)
mlflow.log_metric("loss", 1, step=1)
client = mlflow.MlflowClient()
client.create_registered_model("rose", tags={"team": "a"})
begun = mlflow.active_run().info.run_id
rose = client.create_model_version("rose", f"runs:/{begun}/rose", begun).version
client.set_registered_model_alias("rose", "first", rose)
lose()
# What was registered before is known, and goes on.
assert client.get_model_version("rose", rose).run_id == begun
assert client.get_model_version_by_alias("rose", "first").version == rose
assert client.get_registered_model("rose").tags == {"team": "a"}
client.set_registered_model_tag("rose", "color", "red")
client.update_registered_model("rose", "a flower")
client.set_registered_model_alias("rose", "best", rose)
client.transition_model_version_stage("rose", rose, "Production")
client.set_model_version_tag("rose", rose, "by", "me")
client.update_model_version("rose", rose, "the first")
assert client.get_model_version("rose", rose).current_stage == "Production"
client.create_registered_model("tulip")
for step in range(2, 5):
    mlflow.log_metric("loss", 0.5, step=step)
mlflow.set_tag("who", "me")
mlflow.log_text("words", "words.txt")
mlflow.end_run()

late = mlflow.set_experiment("late").experiment_id
assert late != early
with mlflow.start_run(run_name="outer") as outer:
    assert outer.info.experiment_id == late
    mlflow.log_params({"depth": 3, "size": "large"})
    mlflow.log_metrics({"loss": 0.25, "acc": 0.5}, step=7)
    with mlflow.start_run(run_name="inner", nested=True) as inner:
        mlflow.log_metric("loss", 0.125)
    try:
        mlflow.log_param("depth", 4)
        raise SystemExit("a param changed")
    except mlflow.exceptions.MlflowException:
        pass
    mlflow.log_text("notes", "notes.txt")
    named = {"name": "model"} if NEW else {"artifact_path": "model"}
    mlflow.sklearn.log_model(model, **named, registered_model_name="iris", pip_requirements=[])
found = mlflow.search_runs(experiment_names=["late"], order_by=["metrics.loss ASC"])
assert list(found.run_id) == [inner.info.run_id, outer.info.run_id], found
found = mlflow.get_run(outer.info.run_id)
assert (found.info.status, found.data.params["depth"]) == ("FINISHED", "3"), found
version = client.search_model_versions(f"run_id = '{outer.info.run_id}'")[0]
client.set_registered_model_alias("iris", "best", version.version)
client.transition_model_version_stage("iris", version.version, "Staging")
client.set_model_version_tag("iris", version.version, "by", "me")
client.set_registered_model_tag("iris", "team", "b")
assert client.get_model_version_by_alias("iris", "best").run_id == outer.info.run_id
# Of a run and an experiment from before the script knows no more than the id.
client.get_run(os.environ["PIPE_RUN_ID"])
client.log_metric(os.environ["PIPE_RUN_ID"], "of_stage", 1)
with mlflow.start_run(experiment_id=early, run_name="early again"):
    mlflow.log_metric("loss", 2)

again = mlflow.register_model(f"runs:/{outer.info.run_id}/model", "rose")
client.set_registered_model_alias("rose", "last", again.version)
client.delete_registered_model_tag("rose", "color")

if HOW == "returns":
    move("aside.db", ".pipe/runs.db")
if HOW == "full":
    os.remove("fill")
assert mlflow.set_experiment("late").experiment_id == late
# What the script has in its hands means the same.
assert client.get_model_version("rose", again.version).run_id == outer.info.run_id
client.set_model_version_tag("rose", again.version, "by", "you")
with mlflow.start_run(run_name="last"):
    mlflow.log_metric("loss", 3)
