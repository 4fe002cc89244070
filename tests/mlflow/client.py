"""What scripts do with MLflow's client, written the way its tutorials write it, with a check after each step.

    client.py PART [LARGE]

MLFLOW_TRACKING_URI names the server. Runs with the clients of 2.9 and of 3.x alike; LARGE is the size of the large
artifact in megabytes.
"""

import json
import math
import os
import sys
import tempfile
import time

import mlflow
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

NEW = int(mlflow.__version__.split(".")[0]) >= 3
client = MlflowClient()


def refused(call, tells):
    try:
        call()
    except MlflowException as fault:
        assert tells in str(fault), str(fault)
    else:
        raise AssertionError(f"not refused: {tells}")


def logging():
    mlflow.set_experiment("logging")
    mlflow.set_experiment_tag("team", "blue")
    with mlflow.start_run(run_name="outer", tags={"given": "1"}) as run:
        mlflow.log_param("lr", 0.1)
        mlflow.log_params({"depth": 3, "kind": "tree"})
        mlflow.log_metric("loss", 0.5, step=1)
        mlflow.log_metric("loss", 0.25, step=2)
        mlflow.log_metrics({"acc": 0.9, "nothing": float("nan")}, step=2)
        mlflow.set_tag("colour", "red")
        mlflow.set_tags({"shape": "round", "long": "x" * 9000})
        with mlflow.start_run(nested=True, run_name="inner") as inner:
            mlflow.log_metric("acc", 0.8)
        refused(lambda: mlflow.log_param("lr", 0.2), "Changing param values is not allowed")
        refused(lambda: mlflow.log_metric("a//b", 1), "a//b")
    found = mlflow.get_run(run.info.run_id)
    assert found.info.status == "FINISHED" and found.info.run_name == "outer", found.info
    assert found.info.end_time >= found.info.start_time
    assert found.data.params == {"lr": "0.1", "depth": "3", "kind": "tree"}, found.data.params
    assert found.data.metrics["loss"] == 0.25 and math.isnan(found.data.metrics["nothing"])
    assert found.data.tags["colour"] == "red" and len(found.data.tags["long"]) == 8000
    assert found.data.tags["given"] == "1" and found.data.tags["mlflow.source.name"]
    history = client.get_metric_history(run.info.run_id, "loss")
    assert [(point.step, point.value) for point in history] == [(1, 0.5), (2, 0.25)]
    parent = client.get_run(inner.info.run_id).data.tags["mlflow.parentRunId"]
    assert parent == run.info.run_id
    assert client.get_experiment_by_name("logging").tags["team"] == "blue"
    gone = client.create_experiment("gone")
    client.delete_experiment(gone)
    assert client.get_experiment_by_name("gone") is None
    assert mlflow.set_experiment("gone").experiment_id != gone
    mlflow.set_experiment("logging")
    client.update_run(run.info.run_id, name="renamed", status="FAILED")
    assert client.get_run(run.info.run_id).data.tags["mlflow.runName"] == "renamed"
    client.delete_tag(run.info.run_id, "colour")
    assert "colour" not in client.get_run(run.info.run_id).data.tags
    client.delete_run(inner.info.run_id)
    refused(lambda: client.log_metric(inner.info.run_id, "x", 1), "must be in the 'active' state")
    client.restore_run(inner.info.run_id)
    client.log_metric(inner.info.run_id, "x", 1)
    refused(lambda: client.get_run("0" * 32), "not found")
    try:
        with mlflow.start_run() as broken:
            raise ValueError("training broke")
    except ValueError:
        pass
    assert client.get_run(broken.info.run_id).info.status == "FAILED"


def batches():
    from mlflow.entities import Metric, Param, RunTag

    mlflow.set_experiment("batches")
    with mlflow.start_run() as run:
        now = int(time.time() * 1000)
        metrics = [Metric("m", step / 3, now, step) for step in range(1000)]
        client.log_batch(run.info.run_id, metrics=metrics)
        client.log_batch(run.info.run_id, params=[Param(f"p{at}", "v") for at in range(100)], tags=[RunTag("t", "v")])
        mlflow.log_params({f"more{at}": at for at in range(250)})
    assert [point.value for point in client.get_metric_history(run.info.run_id, "m")] == [
        step / 3 for step in range(1000)
    ]
    assert len(client.get_run(run.info.run_id).data.params) == 350


def searching():
    mlflow.set_experiment("searching")
    for at in range(12):
        with mlflow.start_run(run_name=f"run {at}"):
            mlflow.log_param("seed", at % 3)
            mlflow.log_metric("acc", at / 10)
    runs = mlflow.search_runs(experiment_names=["searching"], filter_string="metrics.acc > 0.45 and params.seed = '1'")
    assert sorted(runs["metrics.acc"]) == [0.7, 1.0], runs["metrics.acc"]
    runs = mlflow.search_runs(experiment_names=["searching"], order_by=["metrics.acc DESC"], max_results=2)
    assert list(runs["metrics.acc"]) == [1.1, 1.0]
    experiment = client.get_experiment_by_name("searching").experiment_id
    seen, token = [], None
    while True:
        page = client.search_runs([experiment], max_results=5, order_by=["metrics.acc ASC"], page_token=token)
        seen += [run.data.metrics["acc"] for run in page]
        token = page.token
        if not token:
            break
    assert seen == [at / 10 for at in range(12)], seen
    names = [found.name for found in client.search_experiments(filter_string="name = 'searching'")]
    assert names == ["searching"], names
    refused(lambda: client.search_runs([experiment], "metrics.acc > 0.1 OR params.seed = '1'"), "Invalid clause")
    made = client.create_experiment("to go")
    client.rename_experiment(made, "gone")
    client.delete_experiment(made)
    assert client.get_experiment(made).lifecycle_stage == "deleted"
    client.restore_experiment(made)


def artifacts(large):
    mlflow.set_experiment("artifacts")
    with mlflow.start_run() as run, tempfile.TemporaryDirectory() as folder:
        mlflow.log_text("hello", "texts/hello world.txt")
        mlflow.log_dict({"a": 1}, "data/x.json")
        empty = os.path.join(folder, "empty")
        open(empty, "w").close()
        mlflow.log_artifact(empty)
        big = os.path.join(folder, "big.bin")
        with open(big, "wb") as file:
            piece = os.urandom(1 << 20)
            for at in range(large):
                file.write(at.to_bytes(4, "big") + piece[4:])
        mlflow.log_artifact(big, "large")
        mlflow.log_artifacts(folder, "all")
        mlflow.log_text("umlaut", "größe/ä.txt")
        names = sorted(info.path for info in client.list_artifacts(run.info.run_id))
        assert names == ["all", "data", "empty", "größe", "large", "texts"], names
        inside = [(info.path, info.is_dir, info.file_size) for info in client.list_artifacts(run.info.run_id, "large")]
        assert inside == [("large/big.bin", False, large << 20)], inside
        copy = os.path.join(folder, "copy")
        os.mkdir(copy)
        back = client.download_artifacts(run.info.run_id, "large/big.bin", copy)
        with open(big, "rb") as ours, open(back, "rb") as theirs:
            while True:
                left, right = ours.read(1 << 20), theirs.read(1 << 20)
                assert left == right
                if not left:
                    break
        whole = client.download_artifacts(run.info.run_id, "", copy)
        assert os.path.getsize(os.path.join(whole, "empty")) == 0
        assert open(os.path.join(whole, "texts", "hello world.txt")).read() == "hello"
        try:
            client.download_artifacts(run.info.run_id, "none", copy)
        except Exception:
            pass
        else:
            raise AssertionError("nothing was downloaded")


def media():
    import matplotlib.pyplot
    import numpy
    import pandas

    mlflow.set_experiment("media")
    # The client measures the machine by itself.
    os.environ["MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL"] = "1"
    with mlflow.start_run(log_system_metrics=True) as run:
        figure = matplotlib.pyplot.figure()
        mlflow.log_figure(figure, "figures/plot.png")
        mlflow.log_image(numpy.zeros((4, 4, 3), dtype=numpy.uint8), "image.png")
        mlflow.log_table({"a": [1, 2], "b": ["x", "y"]}, "table.json")
        mlflow.log_table(pandas.DataFrame({"a": [3], "b": ["z"]}), "table.json")
        mlflow.log_dict({"a": [1]}, "x.yaml")
        mlflow.log_text("<b>", "page.html")
        if NEW:
            mlflow.log_image(numpy.zeros((4, 4, 3), dtype=numpy.uint8), key="dog", step=3)
        deadline = time.time() + 300
        while not client.get_run(run.info.run_id).data.metrics and time.time() < deadline:
            time.sleep(0.1)
    table = mlflow.load_table("table.json", run_ids=[run.info.run_id])
    assert list(table["a"]) == [1, 2, 3], table
    assert mlflow.artifacts.load_image(run.info.artifact_uri + "/image.png").size == (4, 4)
    assert mlflow.artifacts.load_text(run.info.artifact_uri + "/page.html") == "<b>"
    found = client.get_run(run.info.run_id)
    assert "system/cpu_utilization_percentage" in found.data.metrics, found.data.metrics
    assert json.loads(found.data.tags["mlflow.loggedArtifacts"]) == [{"path": "table.json", "type": "table"}]
    paths = {info.path for info in client.list_artifacts(run.info.run_id)}
    assert {"figures", "image.png", "table.json", "x.yaml", "page.html"} <= paths, paths
    client.set_terminated(run.info.run_id, "KILLED")
    assert client.get_run(run.info.run_id).info.status == "KILLED"
    # In several parts, which a server may refuse.
    os.environ["MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD"] = "true"
    os.environ["MLFLOW_MULTIPART_UPLOAD_MINIMUM_FILE_SIZE"] = str(5 << 20)
    with mlflow.start_run() as run, tempfile.TemporaryDirectory() as folder:
        large = os.path.join(folder, "large")
        with open(large, "wb") as file:
            file.write(bytes(12 << 20))
        mlflow.log_artifact(large)
        assert client.list_artifacts(run.info.run_id)[0].file_size == 12 << 20
    # A place that the experiment's maker chose.
    made = client.create_experiment("placed", artifact_location="mlflow-artifacts:/my/place")
    placed = client.create_run(made)
    client.log_text(placed.info.run_id, "x", "a/b.txt")
    assert [info.path for info in client.list_artifacts(placed.info.run_id, "a")] == ["a/b.txt"]
    assert mlflow.artifacts.load_text(placed.info.artifact_uri + "/a/b.txt") == "x"


def families():
    parent, child = client.create_run("0"), client.create_run("0", run_name="child")
    below = f"tags.mlflow.parentRunId = '{parent.info.run_id}'"
    assert not client.search_runs(["0"], below)
    client.set_tag(child.info.run_id, "mlflow.parentRunId", parent.info.run_id)
    assert [run.info.run_name for run in client.search_runs(["0"], below)] == ["child"]
    assert mlflow.get_parent_run(child.info.run_id).info.run_id == parent.info.run_id
    client.set_tag(child.info.run_id, "mlflow.runName", "renamed")
    client.delete_tag(child.info.run_id, "mlflow.parentRunId")
    assert not client.search_runs(["0"], below) and mlflow.get_parent_run(child.info.run_id) is None
    assert client.search_runs(["0"], "run_name = 'renamed'")[0].info.run_id == child.info.run_id


def prompts():
    """What is no model here: prompts are versions without files, of the rest there is nothing."""
    if not NEW:
        return
    mlflow.set_experiment("prompts")
    mlflow.genai.register_prompt("greeting", "hello {{name}}")
    mlflow.genai.register_prompt("greeting", "good day {{name}}")
    mlflow.genai.set_prompt_alias("greeting", "formal", 2)
    assert mlflow.genai.load_prompt("prompts:/greeting/1").format(name="Ada") == "hello Ada"
    assert mlflow.genai.load_prompt("prompts:/greeting@formal").format(name="Ada") == "good day Ada"
    assert [prompt.name for prompt in mlflow.genai.search_prompts()] == ["greeting"]
    assert not client.search_registered_models(), "prompts are no models"
    # Traces go nowhere, and nothing breaks by it.
    assert mlflow.trace(lambda x: x + 1)(3) == 4
    refused(lambda: client.search_traces(experiment_ids=["0"]), "keeps no traces")
    refused(client.list_webhooks, "calls no webhooks")


def models():
    import numpy
    from mlflow.models import infer_signature
    from sklearn.datasets import load_iris
    from sklearn.linear_model import LogisticRegression

    mlflow.set_experiment("models")
    x, y = load_iris(return_X_y=True)
    with mlflow.start_run() as run:
        model = LogisticRegression(max_iter=200).fit(x, y)
        named = {"name": "model"} if NEW else {"artifact_path": "model"}
        info = mlflow.sklearn.log_model(
            model,
            **named,
            signature=infer_signature(x, model.predict(x)),
            input_example=x[:2],
            registered_model_name="iris",
        )
    loaded = mlflow.pyfunc.load_model(info.model_uri)
    assert (loaded.predict(x) == model.predict(x)).all()
    loaded = mlflow.pyfunc.load_model(f"runs:/{run.info.run_id}/model")
    assert (loaded.predict(x) == model.predict(x)).all()
    version = client.search_model_versions("name = 'iris'")[0]
    assert version.version in ("1", 1) and version.status == "READY", version
    client.set_registered_model_alias("iris", "champion", "1")
    assert str(client.get_model_version_by_alias("iris", "champion").version) == "1"
    assert (mlflow.sklearn.load_model("models:/iris@champion").predict(x) == model.predict(x)).all()
    client.transition_model_version_stage("iris", 1, "Production")
    assert (mlflow.pyfunc.load_model("models:/iris/Production").predict(x) == model.predict(x)).all()
    assert (mlflow.pyfunc.load_model("models:/iris/1").predict(x) == model.predict(x)).all()
    second = mlflow.register_model(info.model_uri, "iris", tags={"from": "uri"})
    assert str(second.version) == "2"
    if NEW:
        assert str(client.get_model_version_by_alias("iris", "latest").version) == "2"
        assert (mlflow.sklearn.load_model("models:/iris@latest").predict(x) == model.predict(x)).all()
        refused(lambda: client.set_registered_model_alias("iris", "latest", "1"), "reserved")
    client.set_model_version_tag("iris", "2", "a", "b")
    client.update_registered_model("iris", description="flowers")
    client.update_model_version("iris", "2", description="second")
    assert client.get_registered_model("iris").description == "flowers"
    client.transition_model_version_stage("iris", 2, "Production", archive_existing_versions=True)
    assert client.get_model_version("iris", "1").current_stage == "Archived"
    assert [str(found.version) for found in client.get_latest_versions("iris", ["Production"])] == ["2"]
    client.delete_model_version("iris", "1")
    refused(lambda: client.get_model_version("iris", "1"), "not found")
    refused(lambda: client.get_model_version_by_alias("iris", "champion"), "not found")
    refused(lambda: client.create_registered_model("iris"), "already exists")
    client.rename_registered_model("iris", "flowers")
    assert [model.name for model in client.search_registered_models()] == ["flowers"]
    assert [model.name for model in client.search_registered_models("name = 'flowers'")] == ["flowers"]
    client.delete_registered_model("flowers")
    assert not client.search_registered_models("name = 'flowers'")
    if NEW:
        logged = mlflow.get_logged_model(info.model_id)
        assert str(logged.status) == "READY" and logged.source_run_id == run.info.run_id, logged
        found = mlflow.search_logged_models(experiment_ids=[run.info.experiment_id], output_format="list")
        assert [model.model_id for model in found] == [info.model_id]
        assert client.get_run(run.info.run_id).outputs.model_outputs[0].model_id == info.model_id
        client.set_logged_model_tags(info.model_id, {"k": "v"})
        client.delete_logged_model_tag(info.model_id, "k")
        with mlflow.start_run():
            mlflow.log_metric("acc", 0.9, model_id=info.model_id)
        assert mlflow.get_logged_model(info.model_id).metrics[0].value == 0.9


def autolog():
    from sklearn.datasets import load_iris
    from sklearn.ensemble import RandomForestClassifier

    mlflow.set_experiment("autolog")
    mlflow.sklearn.autolog()
    x, y = load_iris(return_X_y=True, as_frame=True)
    with mlflow.start_run() as run:
        RandomForestClassifier(n_estimators=3).fit(x, y)
    mlflow.sklearn.autolog(disable=True)
    found = client.get_run(run.info.run_id)
    assert found.data.params["n_estimators"] == "3"
    assert found.data.metrics["training_score"] > 0.9
    assert found.inputs.dataset_inputs[0].dataset.name == "dataset", found.inputs
    paths = [info.path for info in client.list_artifacts(run.info.run_id)]
    assert "training_confusion_matrix.png" in paths, paths


def datasets():
    import pandas

    mlflow.set_experiment("datasets")
    frame = pandas.DataFrame({"a": [1, 2], "b": [3.0, 4.0]})
    data = mlflow.data.from_pandas(frame, name="numbers", source="numbers.csv")
    with mlflow.start_run() as run:
        mlflow.log_input(data, context="training")
        mlflow.log_input(data, context="training")
    inputs = client.get_run(run.info.run_id).inputs.dataset_inputs
    assert len(inputs) == 1 and inputs[0].dataset.name == "numbers" and inputs[0].dataset.digest == data.digest
    assert [(tag.key, tag.value) for tag in inputs[0].tags] == [("mlflow.data.context", "training")]
    found = mlflow.search_runs(experiment_names=["datasets"], filter_string="dataset.name = 'numbers'")
    assert list(found["run_id"]) == [run.info.run_id]


def evaluate():
    import pandas

    mlflow.set_experiment("evaluate")
    frame = pandas.DataFrame({"target": [0, 1, 1, 0], "prediction": [0, 1, 0, 0]})
    with mlflow.start_run() as run:
        data = mlflow.data.from_pandas(frame, targets="target", predictions="prediction")
        if NEW:
            result = mlflow.models.evaluate(data=data, model_type="classifier")
        else:
            result = mlflow.evaluate(data=data, model_type="classifier")
    assert result.metrics["accuracy_score"] == 0.75
    assert client.get_run(run.info.run_id).data.metrics["accuracy_score"] == 0.75


def asynchronous():
    mlflow.set_experiment("asynchronous")
    with mlflow.start_run() as run:
        for step in range(200):
            mlflow.log_metric("m", step, step=step, synchronous=False)
        mlflow.log_params({"a": 1}, synchronous=False)
    if NEW:
        mlflow.flush_async_logging()
    deadline = time.time() + 300
    while len(client.get_metric_history(run.info.run_id, "m")) < 200 and time.time() < deadline:
        time.sleep(0.1)
    assert len(client.get_metric_history(run.info.run_id, "m")) == 200
    assert client.get_run(run.info.run_id).data.params["a"] == "1"


def main():
    part, rest = sys.argv[1], [int(size) for size in sys.argv[2:]]
    globals()[part](*rest)
    print("done")


main()
