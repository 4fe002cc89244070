"""Scripts of stages, written the way MLflow's tutorials write them: none of them knows who serves it.

    stage.py PART [ARGUMENT]

Runs with the clients of 2.9 and of 3.x alike.
"""

import glob
import json
import os
import signal
import sys
import time

import mlflow

NEW = int(mlflow.__version__.split(".")[0]) >= 3


def tutorial(out):
    from sklearn.datasets import load_iris
    from sklearn.linear_model import LogisticRegression

    mlflow.set_experiment("flowers")
    mlflow.sklearn.autolog(log_models=False)
    x, y = load_iris(return_X_y=True)
    with mlflow.start_run(run_name="explore"):
        LogisticRegression(max_iter=200).fit(x, y)
        with mlflow.start_run(run_name="inner", nested=True):
            mlflow.log_metric("depth", 2)
    mlflow.sklearn.autolog(disable=True)
    with mlflow.start_run(run_name="final") as run:
        model = LogisticRegression(max_iter=200).fit(x, y)
        mlflow.log_param("solver", model.solver)
        mlflow.log_metrics({"acc": model.score(x, y)}, step=1)
        mlflow.log_text("notes", "notes.txt")
        named = {"name": "model"} if NEW else {"artifact_path": "model"}
        mlflow.sklearn.log_model(model, **named, registered_model_name="iris")
    assert mlflow.artifacts.load_text(run.info.artifact_uri + "/notes.txt") == "notes"
    found = mlflow.search_runs(experiment_names=["flowers"], filter_string="metrics.acc > 0.5")
    assert list(found.run_id) == [run.info.run_id], found
    with open(out, "w") as file:
        file.write(run.info.run_id)


def tune(name):
    """One run with a run for each candidate below it, and the best one registered; another script does so meanwhile."""
    from sklearn.datasets import load_iris
    from sklearn.linear_model import LogisticRegression

    # Neither begins before both are there.
    open(f"here.{name}", "w").close()
    deadline = time.time() + 300
    while len(glob.glob("here.*")) < 2 and time.time() < deadline:
        time.sleep(0.01)
    assert len(glob.glob("here.*")) == 2
    mlflow.set_experiment("flowers")
    x, y = load_iris(return_X_y=True)
    with mlflow.start_run(run_name=f"tune {name}") as run:
        mlflow.set_tag("of", name)
        models = []
        for rounds in [1, 3, 300]:
            with mlflow.start_run(run_name=f"{name}, {rounds} rounds", nested=True):
                models.append(LogisticRegression(max_iter=rounds).fit(x, y))
                mlflow.log_params({"rounds": rounds, "of": name})
                for step in range(50):
                    mlflow.log_metric("acc", models[-1].score(x, y) * (step + 1) / 50, step=step)
        mlflow.log_metric("best", models[-1].score(x, y))
        named = {"name": "model"} if NEW else {"artifact_path": "model"}
        mlflow.sklearn.log_model(models[-1], **named, registered_model_name="iris")
    below = f"tags.mlflow.parentRunId = '{run.info.run_id}'"
    found = mlflow.search_runs(experiment_names=["flowers"], filter_string=below, order_by=["metrics.acc DESC"])
    assert list(found["params.rounds"]) == ["300", "3", "1"] and set(found["params.of"]) == {name}, found
    model = mlflow.pyfunc.load_model(f"runs:/{run.info.run_id}/model")
    assert (model.predict(x) == models[-1].predict(x)).all()
    [version] = mlflow.search_model_versions(filter_string=f"run_id = '{run.info.run_id}'")
    with open(f"{name}.out", "w") as file:
        json.dump({"run": run.info.run_id, "below": list(found["run_id"]), "version": str(version.version)}, file)


def predict(out):
    from sklearn.datasets import load_iris

    x, y = load_iris(return_X_y=True)
    model = mlflow.pyfunc.load_model("models:/iris/1")
    with open(out, "w") as file:
        file.write(str((model.predict(x) == y).mean() > 0.9))


def one(name):
    import numpy

    print(f"training {name}")
    with mlflow.start_run(run_name=f"run of {name}") as run:
        mlflow.log_input(mlflow.data.from_numpy(numpy.arange(6.0), name="letters"), context="training")
        mlflow.log_param("size", name)
        for step in range(5):
            mlflow.log_metric("loss", 1 / (step + 1), step=step)
        mlflow.log_text(name, "notes.txt")
    with open(f"{name}.out", "w") as file:
        file.write(run.info.run_id)


def killed(_):
    mlflow.start_run(run_name="killed")
    mlflow.log_metric("loss", 1)
    os.kill(os.getpid(), signal.SIGKILL)


def failed(_):
    with mlflow.start_run(run_name="ended well"):
        mlflow.log_metric("loss", 1)
    sys.exit(1)


def own_run(_):
    # The stage's run itself, which ends when the stage does, whatever is said here.
    with mlflow.start_run(run_id=os.environ["PIPE_RUN_ID"]):
        mlflow.log_metric("mine", 3)
    sys.exit(1)


def left_running(_):
    mlflow.start_run()
    mlflow.log_metric("loss", 1)
    # Neither ends the run nor lets the client do it.
    os._exit(0)


def deleted(what):
    print("before it is deleted")
    client = mlflow.MlflowClient()
    stage = os.environ["PIPE_RUN_ID"]
    mlflow.log_metric("mine", 1, run_id=stage) if NEW else client.log_metric(stage, "mine", 1)
    run = mlflow.start_run(run_name="of the script")
    mlflow.log_metric("loss", 1)
    if what == "script":
        mlflow.delete_run(run.info.run_id)
    elif what == "stage":
        client.delete_run(stage)
    else:
        client.delete_experiment(client.get_run(stage).info.experiment_id)
    # To what is deleted nothing is logged.
    try:
        client.set_tag(run.info.run_id if what == "script" else stage, "late", "1")
        raise AssertionError("it was logged")
    except mlflow.exceptions.MlflowException as fault:
        assert "must be in" in str(fault) or "deleted" in str(fault), fault
    if what == "stage":
        mlflow.end_run()
        with mlflow.start_run(run_name="after it"):
            mlflow.log_metric("loss", 2)
    sys.stdout.flush()
    os._exit(3)


def models(names):
    class Model(mlflow.pyfunc.PythonModel):
        def predict(self, context, model_input, params=None):
            return model_input

    mlflow.set_experiment("flowers")
    with mlflow.start_run(run_name="of the script"):
        mlflow.log_params({"size": 10})
        mlflow.log_metrics({"acc": 0.1 + 0.2, "steps": 123456, "loss": 0.841234567})
        mlflow.set_tag("mlflow.note.content", "from the script")
        for name in names.split(","):
            files = {"python_model": Model(), "pip_requirements": []}
            mlflow.pyfunc.log_model(name=name, registered_model_name=f"iris-{name}", **files)
        with mlflow.start_run(run_name="inner", nested=True):
            mlflow.log_metric("depth", 2)


def waits(name):
    with mlflow.start_run(run_name="waits"):
        mlflow.log_metric("loss", 1)
        with open(name, "w") as file:
            file.write("ready")
        time.sleep(300)


globals()[sys.argv[1]](sys.argv[2] if len(sys.argv) > 2 else None)
