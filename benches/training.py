#!/usr/bin/env python3
"""What recording costs a training: `pipe train` with the example's parameters, with a run store and without one.

    benches/training.py [--pipe target/release/pipe] [--folder .] [--runs 10]

Both train on the same bytes and write the same output folder and logs; where the run store is no database nothing is
recorded, and no model is logged. They take turns, in an order that turns round, so that a busy machine slows both alike. Processor time is that of all
threads, with the one that writes to the run store.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import tempfile
import time

parser = argparse.ArgumentParser()
parser.add_argument("--pipe", default="target/release/pipe")
parser.add_argument("--folder", default=".")
parser.add_argument("--runs", type=int, default=10)
arguments = parser.parse_args()
pipe = os.path.abspath(arguments.pipe)
base = tempfile.mkdtemp(prefix="training-", dir=arguments.folder)
project, plain = os.path.join(base, "project"), os.path.join(base, "plain")


def measured(folder):
    """Wall time and processor time of one training."""
    shutil.rmtree(os.path.join(folder, "results"), ignore_errors=True)
    command = [pipe, "train", "-q", "--data", "data/spirals.npz", "--params", "params.yaml", "--output", "results"]
    start = time.perf_counter()
    child = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, used = os.wait4(child.pid, 0)
    wall = time.perf_counter() - start
    child.returncode = os.waitstatus_to_exitcode(status)
    assert child.returncode == 0, folder
    return wall, used.ru_utime + used.ru_stime


try:
    os.makedirs(project)
    subprocess.run(["git", "init", "-q"], cwd=project, check=True)
    quiet = {"cwd": project, "check": True, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.run([pipe, "init", "--example"], **quiet)
    subprocess.run([pipe, "repro", "generate_data"], **quiet)
    os.makedirs(plain)
    shutil.copytree(os.path.join(project, "data"), os.path.join(plain, "data"))
    shutil.copy(os.path.join(project, "params.yaml"), plain)
    os.makedirs(os.path.join(plain, ".pipe"))
    with open(os.path.join(plain, ".pipe/runs.db"), "w") as store:
        store.write("no database")
    for folder in (plain, project):
        measured(folder)
        assert (os.path.getsize(os.path.join(folder, ".pipe/runs.db")) > 100) == (folder == project), folder
    times = {plain: [], project: []}
    for turn in range(arguments.runs):
        for folder in ((plain, project), (project, plain))[turn % 2]:
            times[folder].append(measured(folder))
finally:
    shutil.rmtree(base)

print("| what | not recorded, median | recorded, median | difference of medians | of minima | median of pairs |")
print("|---|---:|---:|---:|---:|---:|")
for at, what in enumerate(["wall time", "processor time"]):
    without, with_it = ([one[at] for one in times[folder]] for folder in (plain, project))
    ratio = statistics.median(with_it) / statistics.median(without) - 1
    least = min(with_it) / min(without) - 1
    pairs = statistics.median(b / a - 1 for a, b in zip(without, with_it))
    middle = f"{statistics.median(without):.3f} s | {statistics.median(with_it):.3f} s"
    print(f"| {what} | {middle} | {ratio:+.2%} | {least:+.2%} | {pairs:+.2%} |")
