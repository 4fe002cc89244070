"""A script that logs what its stage has too, with other values."""

import subprocess
import sys

import mlflow

with mlflow.start_run(run_name="of the script"):
    mlflow.log_param("lr", "0.5")
    mlflow.log_metric("acc", 0.9)
    mlflow.log_text("the script's", "note.txt")
    mlflow.log_text("alone", "deep/own.txt")
    with open("note.txt", "w") as note:
        note.write("the stage's")
    for what in [["metric", "acc", "0.4"], ["artifact", "note.txt"]]:
        subprocess.run([sys.argv[1], "log", *what], check=True)
