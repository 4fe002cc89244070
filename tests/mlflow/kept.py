"""Versions made in every way a client has (`make`), and their files once what they were made of is gone (`load`)."""

import sys
import tempfile
from pathlib import Path

import mlflow
from mlflow import MlflowClient

part, client = sys.argv[1], MlflowClient()


def version(name, source, **of):
    client.create_registered_model(name)
    client.create_model_version(name, source, **of)
    client.set_registered_model_alias(name, "prod", "1")


if part == "make":
    made = client.create_experiment("kept")
    run = client.create_run(made, run_name="maker").info
    client.log_text(run.run_id, "weights", "model/w")
    client.log_text(run.run_id, "other", "loose")
    version("by run", f"runs:/{run.run_id}/model", run_id=run.run_id)
    version("proxy #1", f"{run.artifact_uri}/model", run_id=run.run_id)
    client.copy_model_version("models:/by run/1", "copy")
    client.set_registered_model_alias("copy", "prod", "1")
    if hasattr(client, "create_logged_model"):
        model = client.create_logged_model(made, name="net", source_run_id=run.run_id)
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "w").write_text("weights")
            client.log_model_artifacts(model.model_id, folder)
        client.finalize_logged_model(model.model_id, "READY")
        version("logged", f"models:/{model.model_id}", model_id=model.model_id)
        client.delete_logged_model(model.model_id)
    client.set_terminated(run.run_id)
for model in client.search_registered_models():
    for which in [f"models:/{model.name}@prod", f"models:/{model.name}/1"]:
        folder = Path(mlflow.artifacts.download_artifacts(which))
        assert [path.name for path in folder.iterdir()] == ["w"], (which, list(folder.iterdir()))
        assert (folder / "w").read_text() == "weights", which
print("done")
