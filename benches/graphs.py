#!/usr/bin/env python3
"""Running a graph and doing nothing about it afterwards: `pipe`, beside ninja and DVC.

    benches/graphs.py [--pipe target/release/pipe] [--shapes wide chain layered diamond] [--stages 2 100 1000]
                      [--runs 20] [--first-runs 3] [--folder FOLDER] [--shell]

Every tool gets the same graph of `cp` and `cksum` stages in a folder of its own; the tools take turns within one round,
so that a busy machine slows all alike. What counts are the ratios: of the medians of the time that passed, and of the
processor time, with all that a tool started, which a busy machine distorts less. Measured are the first run with two jobs,
a run that finds everything up to date, the same without pipe's memory of what it hashed (`.pipe/state`), and
`pipe status`; memory is the largest size of the tool's own process (of a shell's, where one starts it). A peer that is not installed is left out and named (ninja: Debian's `ninja-build`; DVC:
PyPI's `dvc`), and so is one whose graph is larger than `--dvc-stages`.
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
parser.add_argument("--shapes", nargs="+", default=["wide"], choices=["wide", "chain", "layered", "diamond"])
parser.add_argument("--stages", type=int, nargs="+", default=[2, 100, 1000])
parser.add_argument("--runs", type=int, default=20)
parser.add_argument("--first-runs", type=int, default=3)
parser.add_argument("--dvc-stages", type=int, default=100, help="DVC is measured up to this many stages")
parser.add_argument("--dvc-runs", type=int, default=3)
parser.add_argument("--shell", action="store_true", help="commands that pipe cannot start without a shell either")
parser.add_argument("--folder", help="where the graphs are made; the system's folder for temporary files without")
arguments = parser.parse_args()
pipe = os.path.abspath(arguments.pipe)


def graph(shape, count):
    """What each stage reads, by number: numbers of stages, or nothing for an input file of its own."""
    layer = max(1, round(count**0.5))
    for i in range(count):
        if shape == "wide":
            yield []
        elif shape == "chain":
            yield [i - 1] if i else []
        elif shape == "layered":
            # Each stage of a layer reads two of the layer before.
            start = (i // layer - 1) * layer
            yield sorted({start + i % layer, start + (i + 1) % layer}) if i >= layer else []
        elif i == 0 or i == count - 1:
            yield list(range(1, count - 1)) if i else []
        else:
            yield [0]


def deps(i, before):
    return [f"out{j}" for j in before] or [f"in/{i}"]


def command(i, before):
    # A digest, since files that hold two others double with every layer.
    text = f"cksum {' '.join(deps(i, before))} > out{i}" if len(before) > 1 else f"cp {deps(i, before)[0]} out{i}"
    return f"{text} && true" if arguments.shell else text


def stage_file(stages):
    lines = ["stages:"]
    for i, before in enumerate(stages):
        lines += [f"  s{i}:", f"    cmd: {command(i, before)}", "    deps:"]
        lines += [f"    - {dep}" for dep in deps(i, before)]
        lines += ["    outs:", f"    - out{i}"]
    return "\n".join(lines) + "\n"


def ninja_file(stages):
    lines = ["rule run", "  command = $do"]
    for i, before in enumerate(stages):
        lines += [f"build out{i}: run {' '.join(deps(i, before))}", f"  do = {command(i, before)}"]
    return "\n".join(lines) + "\n"


def run(command, folder):
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def measured(command, folder):
    """Seconds that passed, seconds of processor time of the process and all it started, and its largest size in MiB."""
    start = time.perf_counter()
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    passed = time.perf_counter() - start
    if status:
        sys.exit(f"{command} failed in {folder}")
    return passed, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def write(folder, name, text):
    with open(os.path.join(folder, name), "w") as file:
        file.write(text)


def prepare(tool, folder, stages):
    os.makedirs(os.path.join(folder, "in"))
    for i, before in enumerate(stages):
        if not before:
            write(folder, f"in/{i}", f"{i}\n")
    if tool == "pipe":
        write(folder, "pipeline.yaml", stage_file(stages))
        run([pipe, "init", "--no-git"], folder)
    elif tool == "ninja":
        write(folder, "build.ninja", ninja_file(stages))
    else:
        write(folder, "dvc.yaml", stage_file(stages))
        run(["dvc", "init", "--no-scm", "-q"], folder)


FIRST = {
    "pipe": [pipe, "repro", "-q", "-j", "2"],
    "ninja": ["ninja", "-j2"],
    "dvc": ["dvc", "repro", "-q"],
}
AGAIN = {
    "pipe repro": ("pipe", [pipe, "repro"]),
    "pipe repro, state deleted": ("pipe", ["sh", "-c", f"rm -f .pipe/state; exec {pipe} repro"]),
    "pipe status": ("pipe", [pipe, "status"]),
    "ninja": ("ninja", ["ninja"]),
    "dvc repro": ("dvc", ["dvc", "repro"]),
    "dvc status": ("dvc", ["dvc", "status"]),
}


def first_runs(tools, stages, folder):
    times = {tool: [] for tool in tools}
    for round in range(arguments.first_runs):
        for tool in tools:
            if tool == "dvc" and times[tool]:
                continue
            place = f"{folder}/first{round}-{tool}"
            prepare(tool, place, stages)
            times[tool].append(measured(FIRST[tool], place))
    return times


def again(tools, stages, folder):
    commands = {name: value for name, value in AGAIN.items() if value[0] in tools}
    place = {tool: f"{folder}/first0-{tool}" for tool in tools}
    time.sleep(0.2)
    for tool, command in commands.values():
        run(command, place[tool])
    times = {name: [] for name in commands}
    for round in range(arguments.runs):
        for name, (tool, command) in commands.items():
            if tool == "dvc" and round >= arguments.dvc_runs:
                continue
            if name == "pipe repro":
                # The call before deleted the state: what is measured here is the second call after.
                run(command, place[tool])
            times[name].append(measured(command, place[tool]))
    return times


def table(times, base):
    def median(name, what):
        return statistics.median(values[what] for values in times[name])

    for name, values in times.items():
        if values:
            least = min(passed for passed, _, _ in values)
            ratios = " | ".join(f"{median(name, what) / max(median(base, what), 1e-9):.2f}" for what in [0, 1])
            yield f"`{name}` | {median(name, 0) * 1000:.1f} ms | {least * 1000:.1f} ms | {ratios} | {median(name, 2):.0f} MiB"


def version(*command):
    return subprocess.run(command, capture_output=True, text=True).stdout.strip().split()[-1]


found = [tool for tool in ["ninja", "dvc"] if shutil.which(tool)]
for tool in ["ninja", "dvc"]:
    if tool not in found:
        print(f"{tool} is not installed and left out", file=sys.stderr)
versions = ", ".join([f"pipe {version(pipe, '--version')}"] + [f"{tool} {version(tool, '--version')}" for tool in found])
print(f"{platform.machine()}, {os.cpu_count()} processors; {versions}\n")
print("| shape | stages | what | command | median | min | ratio to ninja | of processor time | memory |")
print("|---|---:|---|---|---:|---:|---:|---:|---:|")
# Nothing is removed before the end: a file system without a journal passes over inodes that were freed a moment ago, one
# by one, and the tool that makes the most files would pay for it.
with tempfile.TemporaryDirectory(prefix="pipe-bench-", dir=arguments.folder) as top:
    for shape in arguments.shapes:
        for count in arguments.stages:
            stages = list(graph(shape, count))
            tools = ["pipe"] + [tool for tool in found if tool != "dvc" or count <= arguments.dvc_stages]
            base = "ninja" if "ninja" in tools else "pipe"
            folder = f"{top}/{shape}{count}"
            for row in table(first_runs(tools, stages, folder), base):
                print(f"| {shape} | {count} | first run | {row} |", flush=True)
            for row in table(again(tools, stages, folder), "ninja" if base == "ninja" else "pipe repro"):
                print(f"| {shape} | {count} | up to date | {row} |", flush=True)
