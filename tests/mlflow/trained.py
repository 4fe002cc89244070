"""Asks models that `pipe train` logged what `pipe predict` was asked, by MLflow's client and by the ONNX runtime alone.

    trained.py DATA PREDICTION RUN VERSION URI...

DATA has the array X, PREDICTION the arrays that `pipe predict` wrote. All URIs, and `models:/…` of the run's logged model, are the
same network: that of RUN, and of the registered model's VERSION (NAME/NUMBER). MLFLOW_TRACKING_URI names the server.
"""

import os
import sys

import mlflow
import numpy as np
import onnx
import onnxruntime
import pandas as pd
from mlflow import MlflowClient
from mlflow.models import Model

data, prediction, run_id, version, *uris = sys.argv[1:]
points = np.load(data)["X"].astype(np.float32)
told = np.load(prediction)
assert len(points) >= 300, len(points)
client = MlflowClient()


def compare(what, answer):
    gap = np.abs(answer["probabilities"] - told["probabilities"]).max()
    assert gap < 1e-5, (what, gap)
    # Where two classes are equally probable but for rounding, either may be the first.
    sure = np.sort(told["probabilities"], axis=1)
    sure = sure[:, -1] - sure[:, -2] > 1e-4
    assert (np.asarray(answer["classes"])[sure] == told["classes"][sure]).all(), what
    print(f"{what}: {gap:.1e}")


[output] = client.get_run(run_id).outputs.model_outputs
steps = [point.step for point in client.get_metric_history(run_id, "final/total_steps")]
assert [output.step] == steps, (output.step, steps)
logged = client.get_logged_model(output.model_id)
assert (logged.name, logged.source_run_id, logged.status.name) == ("model", run_id, "READY"), logged
assert logged.params["hidden_dim"] == client.get_run(run_id).data.params["hidden_dim"]
best = {metric.key: metric for metric in logged.metrics}["best_acc"]
assert (best.step, best.model_id) == (output.step, output.model_id), best
[found] = mlflow.search_logged_models(filter_string=f"name = 'model' and source_run_id = '{run_id}'", output_format="list")
assert found.model_id == output.model_id
name, number = version.split("/")
registered = client.get_model_version(name, number)
assert (registered.run_id, registered.source) == (run_id, f"models:/{output.model_id}"), registered

for uri in [f"models:/{output.model_id}", f"models:/{version}", *uris]:
    model = mlflow.pyfunc.load_model(uri)
    compare(uri, model.predict(points))
    compare(f"{uri} as a frame", model.predict(pd.DataFrame(points)))
    assert model.metadata.run_id == run_id and model.metadata.model_uuid == output.model_id
    classes = told["probabilities"].shape[1]
    assert [spec.shape for spec in model.metadata.signature.inputs] == [(-1, points.shape[1])]
    assert [spec.shape for spec in model.metadata.signature.outputs] == [(-1,), (-1, classes)]

folder = mlflow.artifacts.download_artifacts(f"models:/{version}")
meta = Model.load(folder)
example = meta.load_input_example(folder)
assert (example == points[: len(example)]).all() and len(example) == 5, example
answer = mlflow.pyfunc.load_model(folder).predict(example)
assert np.abs(answer["probabilities"] - told["probabilities"][:5]).max() < 1e-5
sizes = {entry.name: entry.stat().st_size for entry in os.scandir(folder)}
ours = {"MLmodel", "registered_model_meta"}
assert meta.model_size_bytes == sum(size for name, size in sizes.items() if name not in ours), sizes
with open(os.path.join(folder, "requirements.txt")) as lines:
    assert {line.split(">")[0] for line in lines} == {"mlflow", "numpy", "onnx", "onnxruntime"}

path = os.path.join(folder, "model.onnx")
whole = onnx.load(path)
onnx.checker.check_model(whole, full_check=True)
assert [opset.version for opset in whole.opset_import] == [13]
session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
names = [output.name for output in session.get_outputs()]
compare("onnxruntime", dict(zip(names, session.run(names, {"X": points}))))
# A network that ignores its input would agree with itself.
assert told["probabilities"].std() > 1e-3
print("done")
