#!/usr/bin/env python3
"""The cost of doing nothing: `pipe repro` and `pipe status` on an up-to-date pipeline, beside ninja and DVC.

    benches/noop.py [--pipe target/release/pipe] [--stages 2 100 1000] [--runs 30]

Every tool gets the same graph (N independent `cp` stages) in a folder of its own; the tools take turns within one
round, so that a busy machine slows all alike. What counts is the ratio of the medians. A peer that is not installed is
left out and named (ninja: Debian's `ninja-build`; DVC: PyPI's `dvc`).
"""

import argparse
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

parser = argparse.ArgumentParser()
parser.add_argument("--pipe", default="target/release/pipe")
parser.add_argument("--stages", type=int, nargs="+", default=[2, 100, 1000])
parser.add_argument("--runs", type=int, default=30)
parser.add_argument("--dvc-stages", type=int, default=100, help="DVC is measured up to this many stages")
arguments = parser.parse_args()
pipe = os.path.abspath(arguments.pipe)


def run(command, folder):
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def timed(command, folder):
    start = time.perf_counter()
    run(command, folder)
    return time.perf_counter() - start


def stage_file(count):
    lines = ["stages:"]
    for i in range(count):
        lines += [f"  s{i}:", f"    cmd: cp in/{i} out{i}", "    deps:", f"    - in/{i}", "    outs:", f"    - out{i}"]
    return "\n".join(lines) + "\n"


def make(folder, count):
    os.makedirs(os.path.join(folder, "in"))
    for i in range(count):
        with open(os.path.join(folder, "in", str(i)), "w") as file:
            file.write(f"{i}\n")


def write(folder, name, text):
    with open(os.path.join(folder, name), "w") as file:
        file.write(text)


def prepare(tool, folder, count):
    make(folder, count)
    if tool == "pipe":
        write(folder, "pipeline.yaml", stage_file(count))
        run([pipe, "init", "--no-git"], folder)
        run([pipe, "repro", "-q"], folder)
    elif tool == "ninja":
        rules = "rule cp\n  command = cp $in $out\n"
        write(folder, "build.ninja", rules + "".join(f"build out{i}: cp in/{i}\n" for i in range(count)))
        run(["ninja"], folder)
    else:
        write(folder, "dvc.yaml", stage_file(count))
        run(["dvc", "init", "--no-scm", "-q"], folder)
        run(["dvc", "repro", "-q"], folder)


COMMANDS = {
    "pipe repro": ("pipe", [pipe, "repro"]),
    "pipe status": ("pipe", [pipe, "status"]),
    "ninja": ("ninja", ["ninja"]),
    "dvc repro": ("dvc", ["dvc", "repro"]),
    "dvc status": ("dvc", ["dvc", "status"]),
}

versions = {"pipe": subprocess.run([pipe, "--version"], capture_output=True, text=True).stdout.strip()}
for peer in ["ninja", "dvc"]:
    if shutil.which(peer):
        found = subprocess.run([peer, "--version"], capture_output=True, text=True).stdout.strip()
        versions[peer] = f"{peer} {found}"
    else:
        print(f"{peer} is not installed and left out", file=sys.stderr)
print(f"{platform.machine()}, {os.cpu_count()} processors; {', '.join(versions.values())}\n")
print("| stages | command | median | min | ratio to `pipe repro` |")
print("|---:|---|---:|---:|---:|")
for count in arguments.stages:
    with tempfile.TemporaryDirectory() as top:
        tools = [tool for tool in versions if tool != "dvc" or count <= arguments.dvc_stages]
        for tool in tools:
            folder = os.path.join(top, tool)
            os.makedirs(folder)
            prepare(tool, folder, count)
        # What was just written counts as racy: the first round hashes it again and remembers.
        time.sleep(0.1)
        times = {name: [] for name, (tool, _) in COMMANDS.items() if tool in tools}
        for round in range(arguments.runs + 1):
            for name in times:
                tool, command = COMMANDS[name]
                if tool == "dvc" and round > max(3, arguments.runs // 10):
                    continue
                seconds = timed(command, os.path.join(top, tool))
                if round > 0:
                    times[name].append(seconds)
        base = statistics.median(times["pipe repro"])
        for name, seconds in times.items():
            median = statistics.median(seconds)
            print(f"| {count} | `{name}` | {median * 1e3:.1f} ms | {min(seconds) * 1e3:.1f} ms | {median / base:.2f} |")
