"""Every public call of MLflow's client, each with a check of what it did; what is not called is named with the reason.

    calls.py PART

MLFLOW_TRACKING_URI names the server. Runs with the clients of 2.9 and of 3.x alike: a call that a client lacks is left out.
"""

import functools
import inspect
import io
import json
import os
import sys
import tempfile
import time

import mlflow
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

NEW = int(mlflow.__version__.split(".")[0]) >= 3
called = set()
client = MlflowClient()


def refused(call, *tells):
    try:
        call()
    except MlflowException as fault:
        assert all(words in str(fault) for words in tells), str(fault)
    else:
        raise AssertionError(f"not refused: {tells}")


def noting(place, name, call):
    """A call that says when somebody of ours makes it; what MLflow calls within does not count."""

    @functools.wraps(call)
    def wrapped(*given, **named):
        if sys._getframe(1).f_globals is globals():
            called.add(name)
        return call(*given, **named)

    setattr(place, name, wrapped)
    return name


def public(place):
    return {name for name in dir(place) if not name.startswith("_") and inspect.isfunction(getattr(place, name))}


def all_called(names, left_out):
    """Every call was made, but for those whose names begin or end with something that is left out."""
    missing = {name for name in names - called if not any(part in f"_{name}_" for part in left_out)}
    assert not missing, f"nothing calls {sorted(missing)}"


def points(run, key):
    return [(point.step, point.value) for point in client.get_metric_history(run, key)]


def files(run, path=None):
    return sorted(info.path for info in client.list_artifacts(run, path))


# What needs something that pipe does not keep (docs/compatibility.md); `traces` says what becomes of it.
ELSEWHERE = ["trace", "span", "_mcp_", "workspace", "webhook", "prompt"]
# Data sets for evaluations; those of runs are inputs.
EVALUATION = ["_dataset_", "_datasets_"]
# Values that people give traces.
ASSESSMENTS = ["assessment", "feedback", "expectation", "_issue_", "_sessions_", "tracing_skill"]
# What asks no server, or another one: projects, Databricks, a model's own environment.
NOT_ASKED = ["_run_", "_login_", "_doctor_", "_test_", "_context_", "telemetry", "import_checkpoints", "node_id", "samples_before_logging", "validate_evaluation_results"]


def methods():
    """Those of MlflowClient."""
    import matplotlib.pyplot
    import numpy
    import pandas
    from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunTag, ViewType

    names = {noting(MlflowClient, name, getattr(MlflowClient, name)) for name in public(MlflowClient)}
    # experiments
    made = client.create_experiment("methods", tags={"team": "blue"})
    assert client.get_experiment(made).name == "methods"
    client.set_experiment_tag(made, "stage", "draft")
    assert client.get_experiment_by_name("methods").tags == {"team": "blue", "stage": "draft"}
    if NEW:
        client.delete_experiment_tag(made, "stage")
        assert client.get_experiment(made).tags == {"team": "blue"}
    client.rename_experiment(made, "renamed")
    client.delete_experiment(made)
    assert [found.name for found in client.search_experiments(ViewType.DELETED_ONLY)] == ["renamed"]
    client.restore_experiment(made)
    found = client.search_experiments(filter_string="tags.team = 'blue'", order_by=["name ASC"])
    assert [experiment.experiment_id for experiment in found] == [made]
    # runs
    parent = client.create_run(made, run_name="parent", tags={"t": "v"}, start_time=7).info.run_id
    run = client.create_run(made, tags={"mlflow.parentRunId": parent}).info.run_id
    assert client.get_run(parent).info.start_time == 7 and client.get_run(parent).data.tags["t"] == "v"
    assert client.get_parent_run(run).info.run_id == parent and client.get_parent_run(parent) is None
    client.log_metric(run, "loss", 0.5, timestamp=3, step=1)
    client.log_metric(run, "loss", 0.25, step=2)
    client.log_param(run, "lr", 0.1)
    client.set_tag(run, "colour", "red")
    client.log_batch(run, [Metric("acc", 1.5, 1, 2)], [Param("depth", "3")], [RunTag("kind", "x")])
    data = client.get_run(run).data
    assert (data.metrics, data.params) == ({"loss": 0.25, "acc": 1.5}, {"lr": "0.1", "depth": "3"}), data
    assert points(run, "loss") == [(1, 0.5), (2, 0.25)]
    client.delete_tag(run, "colour")
    assert "colour" not in client.get_run(run).data.tags and client.get_run(run).data.tags["kind"] == "x"
    client.update_run(run, status="SCHEDULED", name="child")
    assert (client.get_run(run).info.status, client.get_run(run).info.run_name) == ("SCHEDULED", "child")
    client.set_terminated(run, "FAILED", end_time=9)
    assert (client.get_run(run).info.status, client.get_run(run).info.end_time) == ("FAILED", 9)
    client.delete_run(run)
    assert [found.info.run_id for found in client.search_runs([made], run_view_type=ViewType.DELETED_ONLY)] == [run]
    client.restore_run(run)
    assert len(client.search_runs([made])) == 2
    # data sets
    frame = pandas.DataFrame({"a": [1, 2]})
    told = mlflow.data.from_pandas(frame, name="numbers")._to_mlflow_entity()
    inputs = DatasetInput(dataset=told, tags=[InputTag("mlflow.data.context", "test")])
    client.log_inputs(run, [inputs])
    [logged] = client.get_run(run).inputs.dataset_inputs
    assert (logged.dataset.name, logged.dataset.digest) == ("numbers", told.digest), logged.dataset
    assert json.loads(logged.dataset.profile)["num_rows"] == 2 and logged.tags[0].value == "test"
    # files
    with tempfile.TemporaryDirectory() as folder:
        for name, text in [("one", "1"), ("two", "")]:
            with open(os.path.join(folder, name), "w") as file:
                file.write(text)
        client.log_artifact(run, os.path.join(folder, "one"), "single")
        client.log_artifacts(run, folder, "both")
        client.log_text(run, "words", "words.txt")
        client.log_dict(run, {"a": [1]}, "dict.json")
        client.log_figure(run, matplotlib.pyplot.figure(), "figure.png")
        client.log_image(run, numpy.zeros((3, 5, 3), dtype=numpy.uint8), "image.png")
        client.log_table(run, {"a": [1], "b": ["x"]}, "table.json")
        client.log_table(run, pandas.DataFrame({"a": [2], "b": ["y"]}), "table.json")
        expected = ["both", "dict.json", "figure.png", "image.png", "single", "table.json", "words.txt"]
        if NEW:
            client.log_stream(run, io.BytesIO(b"streamed"), "stream.bin")
            image = numpy.zeros((3, 5, 3), dtype=numpy.uint8)
            for step in [0, 7]:
                client.log_image(run, image, key="dog", step=step, timestamp=1)
            expected += ["images", "stream.bin"]
            # Each step has a picture and a smaller one.
            names_of_images = files(run, "images")
            assert len(names_of_images) == 4 and all("dog+step+" in name for name in names_of_images), names_of_images
            assert open(client.download_artifacts(run, "stream.bin", folder), "rb").read() == b"streamed"
        assert files(run) == sorted(expected), files(run)
        assert files(run, "both") == ["both/one", "both/two"]
        assert open(client.download_artifacts(run, "both/one", folder)).read() == "1"
        assert json.load(open(client.download_artifacts(run, "dict.json", folder))) == {"a": [1]}
        assert list(client.load_table(made, "table.json", [run])["b"]) == ["x", "y"]
    # registry
    client.create_registered_model("net", tags={"a": "b"}, description="first")
    assert client.get_registered_model("net").tags == {"a": "b"}
    source = f"{client.get_run(run).info.artifact_uri}/both"
    one = client.create_model_version("net", source, run, tags={"x": "y"}, description="one", run_link="http://x/y")
    assert (str(one.version), one.run_id, one.tags) == ("1", run, {"x": "y"}), one
    assert client.get_model_version_download_uri("net", "1") == source
    assert client.get_model_version_stages("net", "1") == ["None", "Staging", "Production", "Archived"]
    client.create_registered_model("other")
    copied = client.copy_model_version("models:/net/1", "other")
    assert (copied.name, str(copied.version), copied.source) == ("other", "1", "models:/net/1"), copied
    with tempfile.TemporaryDirectory() as folder:
        back = mlflow.artifacts.download_artifacts("models:/other/1", dst_path=folder)
        assert open(os.path.join(back, "one")).read() == "1"
    client.set_registered_model_tag("net", "c", "d")
    client.delete_registered_model_tag("net", "a")
    client.update_registered_model("net", "second")
    model = client.get_registered_model("net")
    assert (model.tags, model.description) == ({"c": "d"}, "second"), model
    client.set_model_version_tag("net", "1", "k", "v")
    client.delete_model_version_tag("net", "1", "x")
    client.update_model_version("net", "1", "better")
    assert (client.get_model_version("net", "1").tags, client.get_model_version("net", "1").description) == ({"k": "v"}, "better")
    client.set_registered_model_alias("net", "champion", "1")
    assert str(client.get_model_version_by_alias("net", "champion").version) == "1"
    client.delete_registered_model_alias("net", "champion")
    refused(lambda: client.get_model_version_by_alias("net", "champion"), "not found")
    client.transition_model_version_stage("net", "1", "Staging")
    assert [str(version.version) for version in client.get_latest_versions("net", ["Staging"])] == ["1"]
    assert len(client.search_model_versions(f"run_id = '{run}'")) >= 1
    client.rename_registered_model("net", "netz")
    assert [model.name for model in client.search_registered_models("name LIKE 'net%'")] == ["netz"]
    client.delete_model_version("netz", "1")
    client.delete_registered_model("netz")
    assert not client.search_registered_models("name = 'netz'")
    if NEW:
        methods_of_logged_models(made, run)
    all_called(names, ELSEWHERE + EVALUATION)


def methods_of_logged_models(experiment, run):
    from mlflow.entities import LoggedModelInput, LoggedModelOutput

    made = [
        client.create_logged_model(experiment, f"net{at}", run, {"t": "v"}, {"lr": str(at)}, "mlp") for at in range(5)
    ]
    ids = [model.model_id for model in made]
    client.log_model_params(ids[0], {"depth": "3"})
    client.set_logged_model_tags(ids[0], {"k": "v", "gone": "x"})
    client.delete_logged_model_tag(ids[0], "gone")
    with tempfile.TemporaryDirectory() as folder:
        os.mkdir(os.path.join(folder, "deep"))
        for name in ["MLmodel", "deep/weights"]:
            with open(os.path.join(folder, name), "w") as file:
                file.write(name)
        client.log_model_artifact(ids[0], os.path.join(folder, "MLmodel"), "alone")
        client.log_model_artifacts(ids[0], folder)
        assert sorted(info.path for info in client.list_logged_model_artifacts(ids[0])) == ["MLmodel", "alone", "deep"]
        assert [info.path for info in client.list_logged_model_artifacts(ids[0], "deep")] == ["deep/weights"]
        back = mlflow.artifacts.download_artifacts(f"models:/{ids[0]}", dst_path=os.path.join(folder, "back"))
        assert open(os.path.join(back, "deep/weights")).read() == "deep/weights"
    assert str(client.finalize_logged_model(ids[0], "READY").status) == "READY"
    assert str(client.finalize_logged_model(ids[1], "FAILED").status) == "FAILED"
    model = client.get_logged_model(ids[0])
    assert (model.params, model.tags["k"]) == ({"lr": "0", "depth": "3"}, "v") and "gone" not in model.tags, model
    client.log_outputs(run, [LoggedModelOutput(ids[0], step=4)])
    client.log_inputs(run, models=[LoggedModelInput(ids[1])])
    found = client.get_run(run)
    assert [(output.model_id, output.step) for output in found.outputs.model_outputs] == [(ids[0], 4)]
    assert [read.model_id for read in found.inputs.model_inputs] == [ids[1]]
    for at, model_id in enumerate(ids):
        client.log_metric(run, "score", at / 10, step=at, model_id=model_id, dataset_name="d", dataset_digest="x")
    search = functools.partial(client.search_logged_models, [experiment])
    order = [{"field_name": "metrics.score", "ascending": False}]
    assert [model.name for model in search("metrics.score > 0.15", order_by=order)] == ["net4", "net3", "net2"]
    assert [model.name for model in search("params.lr = '3' AND name LIKE 'net%'")] == ["net3"]
    seen, token = [], None
    while True:
        page = search(max_results=2, order_by=order, page_token=token)
        seen += [model.model_id for model in page]
        token = page.token
        if not token:
            break
    assert seen == ids[::-1], (seen, ids)
    client.delete_logged_model(ids[4])
    assert len(search()) == 4



def functions():
    """Those of the module `mlflow`, as scripts call them."""
    import matplotlib.pyplot
    import numpy
    import pandas

    names = {noting(mlflow, name, getattr(mlflow, name)) for name in public(mlflow)}
    uri = mlflow.get_tracking_uri()
    assert uri == os.environ["MLFLOW_TRACKING_URI"] and mlflow.get_registry_uri() == uri
    mlflow.set_tracking_uri(uri)
    mlflow.set_registry_uri(uri)
    assert mlflow.is_tracking_uri_set()
    # experiments
    gone = mlflow.create_experiment("gone")
    mlflow.delete_experiment(gone)
    if NEW:
        mlflow.restore_experiment(gone)
        assert mlflow.get_experiment(gone).lifecycle_stage == "active"
    experiment = mlflow.set_experiment("functions").experiment_id
    mlflow.set_experiment_tag("a", "1")
    mlflow.set_experiment_tags({"b": "2", "c": "3"})
    if NEW:
        mlflow.delete_experiment_tag("c")
    tags = mlflow.get_experiment_by_name("functions").tags
    expected = {"a": "1", "b": "2"} if NEW else {"a": "1", "b": "2", "c": "3"}
    assert {key: value for key, value in tags.items() if not key.startswith("mlflow.")} == expected, tags
    found = mlflow.search_experiments(filter_string="tags.b = '2'")
    assert [experiment.name for experiment in found] == ["functions"]
    assert mlflow.get_experiment(experiment).name == "functions"
    # runs
    mlflow.enable_system_metrics_logging()
    mlflow.set_system_metrics_sampling_interval(1)
    measured = mlflow.start_run(run_name="measured", description="a note").info.run_id
    deadline = time.time() + 300
    while not client.get_run(measured).data.metrics and time.time() < deadline:
        time.sleep(0.1)
    mlflow.end_run("KILLED")
    mlflow.disable_system_metrics_logging()
    assert mlflow.get_run(measured).info.status == "KILLED" and mlflow.get_run(measured).data.metrics
    assert mlflow.get_run(measured).data.tags["mlflow.note.content"] == "a note"
    frame = pandas.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]})
    data = mlflow.data.from_pandas(frame, name="frame", source="frame.csv")
    with mlflow.start_run(run_name="outer") as outer, tempfile.TemporaryDirectory() as folder:
        run = outer.info.run_id
        assert mlflow.active_run().info.run_id == run
        mlflow.log_param("lr", 0.1)
        mlflow.log_params({"depth": 3, "empty": ""})
        mlflow.log_metric("loss", 0.5, step=1)
        mlflow.log_metric("loss", 0.25, step=2)
        mlflow.log_metrics({"acc": 0.9, "f1": 0.8}, step=2)
        mlflow.set_tag("colour", "red")
        mlflow.set_tags({"shape": "round", "gone": "x"})
        mlflow.delete_tag("gone")
        mlflow.log_input(data, context="training")
        for depth in [1, 2]:
            with mlflow.start_run(nested=True, run_name=f"inner {depth}") as inner:
                mlflow.log_metric("depth", depth)
                with mlflow.start_run(nested=True, run_name=f"inmost {depth}") as inmost:
                    mlflow.log_metric("depth", 10 * depth)
        assert mlflow.get_parent_run(inmost.info.run_id).info.run_id == inner.info.run_id
        assert mlflow.get_parent_run(inner.info.run_id).info.run_id == run
        with open(os.path.join(folder, "file"), "w") as file:
            file.write("file")
        mlflow.log_artifact(os.path.join(folder, "file"))
        mlflow.log_artifacts(folder, "all")
        mlflow.log_text("text", "text.txt")
        mlflow.log_dict({"k": [1, None]}, "dict.yaml")
        mlflow.log_figure(matplotlib.pyplot.figure(), "figures/figure.svg")
        mlflow.log_image(numpy.zeros((4, 6), dtype=numpy.uint8), "grey.png")
        mlflow.log_table({"q": ["x"], "n": [1]}, "deep/table.json")
        expected = ["all", "deep", "dict.yaml", "figures", "file", "grey.png", "text.txt"]
        if NEW:
            mlflow.log_stream(io.BytesIO(bytes(3)), "stream")
            other = mlflow.data.from_numpy(numpy.ones((2, 2)), name="array")
            # What was said first of a data set stays.
            mlflow.log_inputs([data, other], ["validation", "test"], [None, {"part": "1"}])
            functions_of_models(run)
            expected.append("stream")
            # Without a run they would begin one.
            mlflow.flush_async_logging()
            mlflow.flush_artifact_async_logging()
        # A run made while another one goes on, by its id.
        assert mlflow.get_artifact_uri("text.txt").endswith(f"{run}/artifacts/text.txt")
        assert sorted(path for path in files(run) if path != "images") == sorted(expected), files(run)
    assert mlflow.last_active_run().info.run_id == run
    assert list(mlflow.load_table("deep/table.json", run_ids=[run])["q"]) == ["x"]
    found = mlflow.get_run(run)
    assert (found.info.status, found.data.params) == ("FINISHED", {"lr": "0.1", "depth": "3", "empty": ""}), found.data
    told = {input.dataset.name: {tag.key: tag.value for tag in input.tags} for input in found.inputs.dataset_inputs}
    expected = {"frame": {"mlflow.data.context": "training"}}
    if NEW:
        expected["array"] = {"mlflow.data.context": "test", "part": "1"}
    assert told == expected, told
    assert "gone" not in found.data.tags
    # Going on with a run that ended.
    with mlflow.start_run(run_id=run):
        mlflow.log_metric("loss", 0.125, step=3)
    assert points(run, "loss") == [(1, 0.5), (2, 0.25), (3, 0.125)]
    frames = mlflow.search_runs([experiment], "attributes.run_name LIKE 'in%'", order_by=["metrics.depth DESC"])
    assert list(frames["metrics.depth"]) == [20, 10, 2, 1] and frames["tags.mlflow.parentRunId"].notna().all(), frames
    listed = mlflow.search_runs(search_all_experiments=True, output_format="list", filter_string="metrics.loss < 0.2")
    assert [one.info.run_id for one in listed] == [run]
    mlflow.delete_run(inner.info.run_id)
    assert mlflow.get_run(inner.info.run_id).info.lifecycle_stage == "deleted"
    if NEW:
        mlflow.restore_run(inner.info.run_id)
        assert mlflow.get_run(inner.info.run_id).info.lifecycle_stage == "active"
    # registry
    client.create_registered_model("net")
    client.create_model_version("net", f"{found.info.artifact_uri}/all", run)
    assert [model.name for model in mlflow.search_registered_models(filter_string="name = 'net'")] == ["net"]
    assert [str(found.version) for found in mlflow.search_model_versions(filter_string="name = 'net'")] == ["1"]
    if NEW:
        mlflow.set_model_version_tag("net", "1", "k", "v")
        assert client.get_model_version("net", "1").tags == {"k": "v"}
    # The rest is called by other parts of this file and of client.py.
    called.update(["autolog", "evaluate", "register_model"])
    all_called(names, ELSEWHERE + ASSESSMENTS + NOT_ASKED)


def functions_of_models(run):
    from mlflow.entities import LoggedModelInput, LoggedModelOutput

    made = mlflow.initialize_logged_model("inside", source_run_id=run, params={"a": "1"}, model_type="agent")
    assert str(made.status) == "PENDING"
    mlflow.log_model_params({"b": "2"}, model_id=made.model_id)
    mlflow.set_logged_model_tags(made.model_id, {"k": "v", "l": "w"})
    mlflow.delete_logged_model_tag(made.model_id, "l")
    mlflow.finalize_logged_model(made.model_id, "READY")
    found = mlflow.get_logged_model(made.model_id)
    assert (str(found.status), found.params, found.tags["k"]) == ("READY", {"a": "1", "b": "2"}, "v"), found
    outside = mlflow.create_external_model("outside", params={"url": "x"})
    assert mlflow.last_logged_model().model_id == outside.model_id
    mlflow.set_active_model(name="active")
    active = mlflow.get_active_model_id()
    mlflow.log_metric("seen", 1.0)
    assert [metric.key for metric in mlflow.get_logged_model(active).metrics] == ["seen"]
    mlflow.clear_active_model()
    mlflow.log_outputs([LoggedModelOutput(made.model_id, step=2)])
    # The function takes models for Databricks alone.
    client.log_inputs(run, models=[LoggedModelInput(outside.model_id)])
    mlflow.log_metric("score", 0.5, step=1, model_id=made.model_id)
    frame = mlflow.search_logged_models(filter_string="name != 'active'", order_by=[{"field_name": "name"}])
    assert list(frame["name"]) == ["inside", "outside"], frame
    listed = mlflow.search_logged_models(filter_string="metrics.score >= 0.5", output_format="list", max_results=1)
    assert [model.model_id for model in listed] == [made.model_id]


def grid():
    """Autolog of a search over parameters: a run of the search, and one of each of the best candidates below it."""
    from sklearn.datasets import load_iris
    from sklearn.model_selection import GridSearchCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.tree import DecisionTreeClassifier

    mlflow.set_experiment("grid")
    mlflow.autolog()
    x, y = load_iris(return_X_y=True)
    search = GridSearchCV(DecisionTreeClassifier(random_state=1), {"max_depth": [1, 2, 3, 4, 5, 6]}, cv=3)
    search.fit(x, y)
    experiment = client.get_experiment_by_name("grid").experiment_id
    runs = client.search_runs([experiment])
    [top] = [run for run in runs if "mlflow.parentRunId" not in run.data.tags]
    children = [run for run in runs if run.data.tags.get("mlflow.parentRunId") == top.info.run_id]
    assert (len(children), top.info.status) == (5, "FINISHED"), (len(children), top.info)
    assert top.data.params["best_max_depth"] == str(search.best_params_["max_depth"])
    assert abs(top.data.metrics["best_cv_score"] - search.best_score_) < 1e-9
    scores = sorted(run.data.metrics["mean_test_score"] for run in children)
    assert scores == sorted(search.cv_results_["mean_test_score"])[-5:], scores
    assert all(run.info.status == "FINISHED" and run.data.params["max_depth"] for run in children)
    assert "cv_results.csv" in files(top.info.run_id), files(top.info.run_id)
    loaded = mlflow.sklearn.load_model(f"runs:/{top.info.run_id}/best_estimator")
    assert (loaded.predict(x) == search.predict(x)).all()
    # A pipeline of steps, in a run that the client makes and ends by itself; scores that come later go to it.
    whole = make_pipeline(StandardScaler(), DecisionTreeClassifier(max_depth=2))
    whole.fit(x, y)
    whole.score(x, y)
    [last] = client.search_runs([experiment], max_results=1)
    assert last.data.params["steps"].startswith("[(") and last.info.status == "FINISHED", last.data.params
    assert any(key.startswith("Pipeline_score") for key in last.data.metrics), last.data.metrics
    model = mlflow.pyfunc.load_model(f"runs:/{last.info.run_id}/model")
    assert (model.predict(x) == whole.predict(x)).all()


def evaluated():
    """A model is evaluated by the default evaluator: metrics, pictures and tables of a classifier and a regressor."""
    from sklearn.datasets import load_diabetes, load_iris
    from sklearn.linear_model import LinearRegression, LogisticRegression

    evaluate = mlflow.models.evaluate if NEW else mlflow.evaluate
    mlflow.set_experiment("evaluated")
    named = "name" if NEW else "artifact_path"
    for kind, load, model in [
        ("classifier", load_iris, LogisticRegression(max_iter=300)),
        ("regressor", load_diabetes, LinearRegression()),
    ][: 1 + NEW]:  # 2.9 asks scikit-learn for an error of a regressor in words that it has no more.
        frame = load(as_frame=True).frame
        x = frame.drop(columns="target")
        model.fit(x, frame["target"])
        with mlflow.start_run() as run:
            info = mlflow.sklearn.log_model(model, **{named: "model"}, input_example=x[:2])
            result = evaluate(
                info.model_uri,
                frame,
                targets="target",
                model_type=kind,
                evaluators="default",
                evaluator_config={"log_model_explainability": False},
            )
        metric = "accuracy_score" if kind == "classifier" else "r2_score"
        assert abs(result.metrics[metric] - model.score(x, frame["target"])) < 1e-9, result.metrics
        found = client.get_run(run.info.run_id)
        assert {key: found.data.metrics[key] for key in result.metrics} == result.metrics, found.data.metrics
        [input] = found.inputs.dataset_inputs
        assert json.loads(input.dataset.profile)["num_rows"] == len(frame), input.dataset
        if kind == "classifier":
            assert "confusion_matrix" in result.artifacts, result.artifacts
            assert "confusion_matrix.png" in " ".join(files(run.info.run_id)), files(run.info.run_id)
        if NEW:
            assert [read.model_id for read in found.inputs.model_inputs] == [info.model_id], found.inputs
            measured = {point.key for point in mlflow.get_logged_model(info.model_id).metrics}
            assert metric in measured, measured
    # Against a baseline.
    if NEW:
        from mlflow.models import MetricThreshold

        threshold = {"r2_score": MetricThreshold(threshold=0.99, greater_is_better=True)}
        try:
            mlflow.validate_evaluation_results(threshold, result)
        except MlflowException as fault:
            assert "r2_score" in str(fault), fault
        else:
            raise AssertionError("the threshold was met")


def asynchronous():
    """Everything that can be logged without waiting, said once for the whole script or call by call."""
    import numpy

    mlflow.set_experiment("asynchronous")
    if NEW:
        mlflow.config.enable_async_logging()
    with mlflow.start_run() as run:
        for step in range(100):
            mlflow.log_metric("one", step / 4, step=step)
            mlflow.log_metrics({"two": step, "three": -step}, step=step)
        mlflow.log_param("p", 1)
        mlflow.set_tag("t", "v")
        told = [
            mlflow.log_metric("called", 1.5, step=7, synchronous=False),
            mlflow.log_params({"q": 2, "r": 3}, synchronous=False),
            mlflow.set_tags({"u": "w"}, synchronous=False),
        ]
        for operation in told:
            operation.wait()
        data = client.get_run(run.info.run_id).data
        assert data.metrics["called"] == 1.5 and data.params["q"] == "2" and data.tags["u"] == "w", data
        if NEW:
            for step in range(3):
                mlflow.log_image(numpy.zeros((4, 4, 3), dtype=numpy.uint8), key="picture", step=step, synchronous=False)
            refused(lambda: mlflow.log_param("q", 9, synchronous=False).wait(), "Changing param values is not allowed")
    if NEW:
        mlflow.config.enable_async_logging(False)
        # Without another call: the end of the run waits for what was logged in it.
        assert len(files(run.info.run_id, "images")) == 6
        data = client.get_run(run.info.run_id).data
        assert (data.params["p"], data.tags["t"]) == ("1", "v"), data
        for key, factor in [("one", 0.25), ("two", 1), ("three", -1)]:
            assert points(run.info.run_id, key) == [(step, step * factor) for step in range(100)], key


def traces():
    """What makes traces goes on without them, and quickly; what asks for them is refused in words."""
    began = time.time()

    @mlflow.trace
    def double(number):
        with mlflow.start_span("inner") as span:
            span.set_outputs(number)
            mlflow.update_current_trace(tags={"a": "b"})
        return 2 * number

    mlflow.set_experiment("traces")
    with mlflow.start_run() as run:
        assert [double(number) for number in range(20)] == [2 * number for number in range(20)]
        traced = client.start_trace("by hand")
        client.end_trace(traced.trace_id)
        mlflow.log_metric("after", 1)
        mlflow.flush_trace_async_logging()
    assert client.get_run(run.info.run_id).data.metrics == {"after": 1}
    assert mlflow.get_trace(traced.trace_id) is None
    for call in [
        mlflow.search_traces,
        lambda: mlflow.log_feedback(trace_id=traced.trace_id, name="good", value=True),
        lambda: mlflow.log_expectation(trace_id=traced.trace_id, name="answer", value=4),
        lambda: client.set_trace_tag(traced.trace_id, "a", "b"),
        lambda: client.delete_traces(run.info.experiment_id, max_timestamp_millis=1 << 40),
        lambda: client.link_traces_to_run([traced.trace_id], run.info.run_id),
    ]:
        refused(call, "pipe keeps no traces")
    refused(lambda: client.create_dataset("d", [run.info.experiment_id]), "evaluation data sets")
    refused(client.list_webhooks, "calls no webhooks")
    # Other MLflow servers would be asked again for minutes.
    assert time.time() - began < 30, time.time() - began


globals()[sys.argv[1]]()
print("done")
