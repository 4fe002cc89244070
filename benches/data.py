#!/usr/bin/env python3
"""Large files and many small ones: hashing, `pipe commit`, `pipe checkout` and `pipe status`, beside b3sum and cp.

    benches/data.py [--pipe target/release/pipe] [--folder .] [--size-mb 2000] [--files 100000] [--runs 3]

Everything lies on one file system, that of --folder, since hard links need one, and is in the page cache. The commands
take turns within one round, so that a busy machine slows all alike; what counts is the ratio of the medians. b3sum
(Debian's `b3sum`, or `cargo install b3sum`) hashes with as many threads as pipe; without it its rows are left out.
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
parser.add_argument("--folder", default=".")
parser.add_argument("--size-mb", type=int, default=2000)
parser.add_argument("--files", type=int, default=100_000)
parser.add_argument("--runs", type=int, default=3)
arguments = parser.parse_args()
pipe = os.path.abspath(arguments.pipe)
b3sum = shutil.which("b3sum")


def run(command, folder):
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def settle():
    """What was written before is not charged to what is measured next."""
    os.sync()
    time.sleep(0.1)


def timed(command, folder):
    settle()
    start = time.perf_counter()
    run(command, folder)
    return time.perf_counter() - start


def remove(folder, *names):
    """Folders go away by name alone, and are removed at the end: a file system without a journal passes over inodes that
    were freed a moment ago, one by one."""
    for name in names:
        path = os.path.join(folder, name)
        if os.path.isdir(path) and not os.path.islink(path):
            os.rename(path, tempfile.mkdtemp(dir=away))
        elif os.path.lexists(path):
            os.remove(path)


def project(folder, out, link_type):
    os.makedirs(folder)
    with open(os.path.join(folder, "pipeline.yaml"), "w") as file:
        file.write(f"stages:\n  make:\n    cmd: 'false'\n    outs: [{out}]\n")
    run([pipe, "init", "--no-git"], folder)
    run([pipe, "config", "cache.link_types", link_type], folder)


def forget(folder):
    """As if nothing had ever been stored or hashed here."""
    remove(folder, ".pipe/cache", ".pipe/state", ".pipe/tmp", ".pipe/journal", "pipeline.lock")


def large_file(path):
    block = os.urandom(1 << 20)
    with open(path, "wb") as file:
        for i in range(arguments.size_mb * 1_000_000 // len(block)):
            file.write(i.to_bytes(8, "little") + block[8:])


def small_files(folder):
    for i in range(100):
        os.makedirs(f"{folder}/{i}")
        for j in range(arguments.files // 100):
            with open(f"{folder}/{i}/{j}", "wb") as file:
                file.write(f"{i} {j}\n".encode().ljust(1000, b"."))


def bench_large(top):
    times = {}

    def note(name, seconds):
        times.setdefault(name, []).append(seconds)

    source = f"{top}/source"
    large_file(source)
    for kind in ["copy", "hardlink"]:
        project(f"{top}/{kind}", "big", kind)
    for _ in range(arguments.runs):
        if b3sum:
            note("b3sum", timed([b3sum, "--num-threads", str(os.cpu_count()), source], top))
        remove(top, "copied")
        note("cp", timed(["cp", "--reflink=never", source, "copied"], top))
        remove(top, "copied")
        for kind in ["copy", "hardlink"]:
            folder = f"{top}/{kind}"
            forget(folder)
            remove(folder, "big")
            run(["cp", source, f"{folder}/big"], top)
            note(f"pipe commit ({kind})", timed([pipe, "commit", "-f"], folder))
            note(f"pipe status ({kind})", timed([pipe, "status"], folder))
            remove(folder, ".pipe/state", ".pipe/tmp")
            note(f"pipe status, state deleted ({kind})", timed([pipe, "status"], folder))
            remove(folder, "big")
            note(f"pipe checkout ({kind})", timed([pipe, "checkout"], folder))
    return times


def bench_small(top):
    times = {}

    def note(name, seconds):
        times.setdefault(name, []).append(seconds)

    small_files(f"{top}/source")
    for kind in ["copy", "hardlink"]:
        project(f"{top}/{kind}", "many", kind)
    for _ in range(arguments.runs):
        note("cp -r", timed(["cp", "-r", "--reflink=never", "source", "copied"], top))
        remove(top, "copied")
        note("cp -al", timed(["cp", "-al", "source", "linked"], top))
        remove(top, "linked")
        for kind in ["copy", "hardlink"]:
            folder = f"{top}/{kind}"
            forget(folder)
            remove(folder, "many")
            run(["cp", "-r", "source", f"{folder}/many"], top)
            note(f"pipe commit ({kind})", timed([pipe, "commit", "-f"], folder))
            note(f"pipe status, first ({kind})", timed([pipe, "status"], folder))
            note(f"pipe status ({kind})", timed([pipe, "status"], folder))
            remove(folder, "many")
            note(f"pipe checkout ({kind})", timed([pipe, "checkout"], folder))
            note(f"pipe status after checkout ({kind})", timed([pipe, "status"], folder))
    return times


def table(what, times, references):
    medians = {name: statistics.median(values) for name, values in times.items()}
    for name, values in times.items():
        parts = next((parts for key, parts in references.items() if name == key), None)
        ratio = ""
        if parts and all(part in medians for part in parts):
            ratio = f"{medians[name] / sum(medians[part] for part in parts):.2f} x ({' + '.join(parts)})"
        print(f"| {what} | `{name}` | {medians[name]:.3f} s | {min(values):.3f} s | {ratio} |", flush=True)


def version(*command):
    return subprocess.run(command, capture_output=True, text=True).stdout.strip().split()[-1]


if not b3sum:
    print("b3sum is not installed and left out", file=sys.stderr)
versions = f"pipe {version(pipe, '--version')}" + (f", b3sum {version(b3sum, '--version')}" if b3sum else "")
print(f"{platform.machine()}, {os.cpu_count()} processors; {versions}\n")
print("| what | command | median | min | ratio |")
print("|---|---|---:|---:|---|")
with tempfile.TemporaryDirectory(prefix="pipe-bench-", dir=arguments.folder) as top:
    top = os.path.abspath(top)
    away = f"{top}/away"
    os.makedirs(away)
    os.makedirs(f"{top}/large")
    references = {
        "pipe commit (copy)": ["b3sum", "cp"],
        "pipe commit (hardlink)": ["b3sum"],
        "pipe status, state deleted (copy)": ["b3sum"],
        "pipe checkout (copy)": ["b3sum", "cp"],
    }
    table(f"one file of {arguments.size_mb} MB", bench_large(f"{top}/large"), references)
    remove(top, "large")
    os.makedirs(f"{top}/small")
    references = {
        "pipe commit (copy)": ["cp -r"],
        "pipe commit (hardlink)": ["cp -r"],
        "pipe checkout (copy)": ["cp -r"],
        "pipe checkout (hardlink)": ["cp -al"],
    }
    table(f"{arguments.files} files of 1 kB", bench_small(f"{top}/small"), references)
