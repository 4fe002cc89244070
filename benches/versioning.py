#!/usr/bin/env python3
"""Data under version control: `pipe add`, `status`, `checkout`, `push` and `pull`, beside DVC.

    benches/versioning.py [--pipe target/release/pipe] [--dvc dvc] [--files 20000] [--megabytes 2048] [--runs 3]
                          [--tree 1000000]

Both tools get the same folder of small files (about 1 KB each, in folders of 200) and the same large file, in a project of
their own, and take turns within one round. What counts are the ratios: of the medians of the time that passed, and of the
processor time of the tool with all that it started. The large file is compared with `cp` and `b3sum` one after the other,
too, and the small files with `cp -r` followed by `sync`, which is what a push with `push.sync = full` has to do. With `--tree`, a folder of so many empty files is added once and pipe's largest size is told.
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
parser.add_argument("--dvc", default="dvc")
parser.add_argument("--files", type=int, default=20000)
parser.add_argument("--megabytes", type=int, default=2048)
parser.add_argument("--runs", type=int, default=3)
parser.add_argument("--tree", type=int, default=0)
parser.add_argument("--folder", help="where the projects are made; the system's folder for temporary files without")
arguments = parser.parse_args()
TOOLS = {"pipe": os.path.abspath(arguments.pipe), "dvc": shutil.which(arguments.dvc)}
if TOOLS["dvc"]:
    TOOLS["dvc"] = os.path.abspath(TOOLS["dvc"])
ENVIRONMENT = dict(os.environ, DVC_NO_ANALYTICS="1")


def measured(command, folder):
    """Seconds that passed, seconds of processor time, and the largest size in MiB."""
    start = time.perf_counter()
    process = subprocess.Popen(
        command, cwd=folder, env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    said = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    passed = time.perf_counter() - start
    if status:
        sys.exit(f"{command} failed in {folder}:\n{said}")
    return passed, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def warm(size):
    """Touches memory for what is about to be copied: a virtual machine gives free memory back to its host, and getting it
    again takes longer than the copy, from whichever tool comes first."""
    # In a process of its own: the size of this one would count as that of what it starts.
    touch = f"import mmap; memory = mmap.mmap(-1, {size})\nfor at in range(0, {size}, mmap.PAGESIZE): memory[at] = 1"
    subprocess.run([sys.executable, "-c", touch], check=True)


def small_files(folder, count):
    for i in range(count):
        if i % 200 == 0:
            os.makedirs(f"{folder}/{i // 200}")
        with open(f"{folder}/{i // 200}/{i}", "w") as file:
            file.write(f"{i}\n" + f"{i:08}" * 128)


def large_file(path, megabytes):
    with open(path, "wb") as file:
        for _ in range(megabytes):
            file.write(os.urandom(1 << 20))


def project(tool, folder, remote):
    os.makedirs(folder)
    os.makedirs(remote)
    measured(["git", "init", "-q"], folder)
    measured([TOOLS[tool], "init", "-q"], folder)
    measured([TOOLS[tool], "remote", "add", "-d", "shared", remote], folder)


def steps(tool, folder, data, remote):
    """Each step's name with its command and what has to be done before it, which is not measured."""
    cache = {"pipe": ".pipe/cache", "dvc": ".dvc/cache"}[tool]
    program = TOOLS[tool]

    def away(*paths):
        # Removed at the end: a file system without a journal passes over inodes that were freed a moment ago.
        os.makedirs(f"{folder}-away", exist_ok=True)
        for path in paths:
            os.rename(os.path.join(folder, path), f"{folder}-away/{len(os.listdir(f'{folder}-away'))}")

    yield "add", [program, "add", data], lambda: None
    yield "status, first", [program, "status"], lambda: None
    yield "status, again", [program, "status"], lambda: None
    yield "checkout", [program, "checkout"], lambda: away(data)
    yield "push", [program, "push"], lambda: None
    yield "push, again", [program, "push"], lambda: None
    yield "pull", [program, "pull"], lambda: away(data, cache)


def round(where, source, data):
    results = {}
    for tool in [tool for tool, program in TOOLS.items() if program]:
        folder, remote = f"{where}/{tool}", f"{where}/{tool}-remote"
        project(tool, folder, remote)
        measured(["cp", "-r", source, f"{folder}/{data}"], where)
        os.sync()
        for name, command, before in steps(tool, folder, data, remote):
            before()
            # What earlier steps left to be written is not this one's to wait for.
            os.sync()
            if os.path.isfile(source):
                warm(2 * os.path.getsize(source))
            results[tool, name] = measured(command, folder)
    if os.path.isfile(source):
        for name in ["b3sum", "cp"]:
            if shutil.which(name):
                warm(2 * os.path.getsize(source))
                command = [name, source] if name == "b3sum" else [name, source, f"{where}/copy"]
                results[name, "alone"] = measured(command, where)
    else:
        # What a push has to do at least that waits for the disk.
        os.sync()
        copy = 'cp -r "$1" "$2" && sync -f "$2"'
        results["cp, sync", "alone"] = measured(["sh", "-c", copy, "sh", source, f"{where}/copy"], where)
    return results


def report(what, rounds):
    def median(key, index):
        return statistics.median(results[key][index] for results in rounds)

    for tool, name in rounds[0]:
        ratios = ["", ""]
        if (base := ("pipe", name)) in rounds[0] and tool != "pipe":
            ratios = [f"{median((tool, name), i) / max(median(base, i), 1e-9):.1f}" for i in [0, 1]]
        values = f"{median((tool, name), 0):.2f} s | {median((tool, name), 1):.2f} s | {median((tool, name), 2):.0f} MiB"
        print(f"| {what} | {name} | `{tool}` | {values} | {ratios[0]} | {ratios[1]} |", flush=True)


def version(program):
    return subprocess.run([program, "--version"], capture_output=True, text=True).stdout.strip().split()[-1]


if not TOOLS["dvc"]:
    print("dvc is not installed and left out (PyPI: dvc)", file=sys.stderr)
print(f"{platform.machine()}, {os.cpu_count()} processors; " + ", ".join(f"{t} {version(p)}" for t, p in TOOLS.items() if p))
print("\n| data | step | tool | time | processor time | memory | times pipe's | of processor time |")
print("|---|---|---|---:|---:|---:|---:|---:|")
with tempfile.TemporaryDirectory(prefix="pipe-bench-", dir=arguments.folder) as top:
    if arguments.files:
        small_files(f"{top}/small", arguments.files)
        report(f"{arguments.files} files", [round(f"{top}/small{i}", f"{top}/small", "data") for i in range(arguments.runs)])
    if arguments.megabytes:
        large_file(f"{top}/large", arguments.megabytes)
        report(
            f"{arguments.megabytes} MB", [round(f"{top}/large{i}", f"{top}/large", "data.bin") for i in range(arguments.runs)]
        )
    if arguments.tree:
        os.makedirs(f"{top}/project")
        measured([TOOLS["pipe"], "init", "-q", "--no-git"], f"{top}/project")
        for i in range(arguments.tree):
            if i % 1000 == 0:
                os.makedirs(f"{top}/project/tree/{i // 1000}")
            os.close(os.open(f"{top}/project/tree/{i // 1000}/{i}", os.O_CREAT | os.O_WRONLY))
        for step in [["add", "tree"], ["status"]]:
            passed, used, size = measured([TOOLS["pipe"], *step], f"{top}/project")
            print(f"| {arguments.tree} files | {step[0]} | `pipe` | {passed:.2f} s | {used:.2f} s | {size:.0f} MiB | | |")
