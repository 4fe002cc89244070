#!/usr/bin/env python3
"""What recording costs a training: `pipe train` with the example's parameters, with a run store and without one.

    benches/training.py [--pipe target/release/pipe] [--folder .] [--runs 10]

Both train on the same bytes and write the same output folder and logs; where `.pipe` is a file there is no project, nothing
is recorded, and no model is logged. (Where only the run store is away, what is recorded waits in the spool.) They take turns, in an order that turns round, so that a busy machine slows both alike.
Processor time is that of all threads, with the one that writes to the run store, and of git, which says where the code stands.

Where the machine is not quiet these differ by more than recording costs. The last row does not: the processor time of all threads but
the first, which trains in either case, looked at every few milliseconds while they live, and of all processes that were started.
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
# A backtrace, which is made with an error, would be counted to what is not recorded.
ENVIRONMENT = dict(os.environ, RUST_BACKTRACE="0")
base = tempfile.mkdtemp(prefix="training-", dir=arguments.folder)
project, plain = os.path.join(base, "project"), os.path.join(base, "plain")


def measured(folder):
    """Wall time and processor time of one training."""
    shutil.rmtree(os.path.join(folder, "results"), ignore_errors=True)
    command = [pipe, "train", "-q", "--data", "data/spirals.npz", "--params", "params.yaml", "--output", "results"]
    start = time.perf_counter()
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    child = subprocess.Popen(command, cwd=folder, env=ENVIRONMENT, **quiet)
    seen = {}
    while True:
        found, status, used = os.wait4(child.pid, os.WNOHANG)
        if found:
            break
        look(child.pid, seen)
        time.sleep(0.003)
    wall = time.perf_counter() - start
    child.returncode = os.waitstatus_to_exitcode(status)
    assert child.returncode == 0, folder
    return wall, used.ru_utime + used.ru_stime, sum(seen.values())


def look(process, seen):
    """Notes the processor time of all threads of a process but its first, and of those processes that it started."""
    for folder, first in [(f"/proc/{process}/task", process), *((f"/proc/{one}/task", 0) for one in started(process))]:
        try:
            for thread in os.listdir(folder):
                if int(thread) != first:
                    with open(f"{folder}/{thread}/schedstat") as file:
                        seen[thread] = int(file.read().split()[0]) / 1e9
        except OSError:
            pass


def started(process):
    try:
        with open(f"/proc/{process}/task/{process}/children") as file:
            return file.read().split()
    except OSError:
        return []


try:
    os.makedirs(project)
    subprocess.run(["git", "init", "-q"], cwd=project, check=True)
    quiet = {"cwd": project, "check": True, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.run([pipe, "init", "--example"], **quiet)
    subprocess.run([pipe, "repro", "generate_data"], **quiet)
    os.makedirs(plain)
    shutil.copytree(os.path.join(project, "data"), os.path.join(plain, "data"))
    shutil.copy(os.path.join(project, "params.yaml"), plain)
    with open(os.path.join(plain, ".pipe"), "w") as file:
        file.write("no folder")
    for folder in (plain, project):
        measured(folder)
    assert os.path.getsize(os.path.join(project, ".pipe/runs.db")) > 100
    assert os.path.isfile(os.path.join(plain, ".pipe"))
    times = {plain: [], project: []}
    for turn in range(arguments.runs):
        for folder in ((plain, project), (project, plain))[turn % 2]:
            times[folder].append(measured(folder))
finally:
    shutil.rmtree(base)

print("| what | not recorded, median | recorded, median | difference of medians | of minima | median of pairs |")
print("|---|---:|---:|---:|---:|---:|")
for at, what in enumerate(["wall time", "processor time", "other threads, git"]):
    without, with_it = ([one[at] for one in times[folder]] for folder in (plain, project))
    if at == 2:
        more = [b - a for a, b in zip(without, with_it)]
        share = statistics.median(more) / statistics.median(one[1] for one in times[plain])
        middle = f"{statistics.median(without) * 1000:.1f} ms | {statistics.median(with_it) * 1000:.1f} ms"
        print(f"| {what} | {middle} | {share:+.2%} of all | | |")
        continue
    ratio = statistics.median(with_it) / statistics.median(without) - 1
    least = min(with_it) / min(without) - 1
    pairs = statistics.median(b / a - 1 for a, b in zip(without, with_it))
    middle = f"{statistics.median(without):.3f} s | {statistics.median(with_it):.3f} s"
    print(f"| {what} | {middle} | {ratio:+.2%} | {least:+.2%} | {pairs:+.2%} |")
