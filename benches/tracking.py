#!/usr/bin/env python3
"""Logging runs and reading them: `pipe ui`, beside `mlflow server` on SQLite.

    benches/tracking.py [--pipe target/release/pipe] [--python python3] [--parts start log clients search history ...]
                        [--runs 10000] [--points 1000000] [--megabytes 1024] [--folder FOLDER] [--native COMMAND]

`--python` is one that has MLflow; its `mlflow` lies beside it. Both servers run as they come (`--workers` chooses another
number for MLflow's), each over a store and a folder of its own, and answer the same requests in turns: by HTTP over one
connection that stays open, and by MLflow's own client. A request counts until its answer is read. Memory is the
proportional set size of a server's processes, all of them, looked at ten times a second.

Both get the same runs and the same long metric before anything is measured: pipe by requests, MLflow, which would take a
quarter of an hour, by rows written to its tables. `--folder` keeps them: a folder that has them already is taken as it is,
so that parts can be measured one at a time.

`sync`, which is asked for by name, logs to two servers of pipe, the second with `store.sync = full`: on the disk of `--folder`.

`native` asks the store without a server, by the benchmark of the crate `track`: ten runs of a hundred metrics, a thousand points at
a time. It is built when it is asked for; `--native` names a built one.
"""

import argparse
import http.client
import json
import math
import multiprocessing
import os
import shlex
import shutil
import signal
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import uuid

PARTS = ["start", "log", "clients", "search", "history", "artifact", "python", "native"]
parser = argparse.ArgumentParser()
parser.add_argument("--pipe", default="target/release/pipe")
parser.add_argument("--python", default=sys.executable, help="a Python with MLflow")
parser.add_argument("--tools", nargs="+", default=["pipe", "mlflow"], choices=["pipe", "mlflow"])
parser.add_argument("--parts", nargs="+", default=PARTS, choices=PARTS + ["load", "sync"])
parser.add_argument("--runs", type=int, default=10_000, help="how many runs there are")
parser.add_argument("--points", type=int, default=1_000_000, help="how many points the long metric has")
parser.add_argument("--megabytes", type=int, default=1024, help="the size of the artifact")
parser.add_argument("--times", type=int, default=200, help="how often a small request is sent")
parser.add_argument("--seconds", type=float, default=4.0, help="how long eight clients log")
parser.add_argument("--workers", type=int, help="processes of MLflow's server")
parser.add_argument("--native", default="cargo bench --quiet -p track --bench store --", help="the store's benchmark")
parser.add_argument("--folder", help="where the stores are kept; the system's folder for temporary files without")
arguments = parser.parse_args()
PIPE = os.path.abspath(arguments.pipe)
PYTHON = shutil.which(arguments.python)
if not PYTHON:
    sys.exit(f"no such Python: {arguments.python}")
PYTHON = os.path.abspath(PYTHON)
ENVIRONMENT = dict(os.environ, MLFLOW_DISABLE_TELEMETRY="true", NO_PROXY="127.0.0.1")
ENVIRONMENT["PATH"] = f"{os.path.dirname(PYTHON)}:{ENVIRONMENT['PATH']}"
API = "/api/2.0/mlflow"
JSON = {"Content-Type": "application/json"}
START = 1_763_721_727_045
# The server that waits for the disk.
FULL = "pipe, store.sync = full"


def processes(root):
    """A process and all that it started."""
    parents = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat") as file:
                    parents[int(entry)] = int(file.read().rsplit(") ", 1)[1].split()[1])
            except OSError:
                pass
    found = [root]
    for process in found:
        found += [child for child, parent in parents.items() if parent == process]
    return found


def memory(root):
    """The proportional set size in MiB."""
    total = 0
    for process in processes(root):
        try:
            with open(f"/proc/{process}/smaps_rollup") as file:
                total += next(int(line.split()[1]) for line in file if line.startswith("Pss:"))
        except (OSError, StopIteration):
            pass
    return total / 1024


class Connection:
    """One connection that stays open."""

    def __init__(self, port):
        self.http, self.used = http.client.HTTPConnection("127.0.0.1", port, timeout=600), time.perf_counter()

    def send(self, method, path, body=None, headers=JSON):
        # Servers close what was idle for some seconds, while the other one was asked.
        if time.perf_counter() - self.used > 3:
            self.http.close()
        self.http.request(method, path, body, headers)
        answer = self.http.getresponse()
        data = answer.read()
        self.used = time.perf_counter()
        if answer.status >= 300:
            sys.exit(f"{method} {path} was answered {answer.status}: {data[:300]}")
        return data

    def post(self, path, **fields):
        return self.send("POST", API + path, json.dumps(fields).encode())

    def ask(self, path, **fields):
        return json.loads(self.post(path, **fields))


class Tool:
    def __init__(self, name, folder):
        self.name, self.folder = name, os.path.join(folder, name)
        self.process, self.peaks, self.part = None, {}, "start"
        os.makedirs(self.folder, exist_ok=True)

    def command(self):
        if self.name.startswith("pipe"):
            quiet = {"cwd": self.folder, "check": True, "capture_output": True}
            if not os.path.exists(f"{self.folder}/.pipe"):
                subprocess.run([PIPE, "init", "--no-git"], **quiet)
            if self.name == FULL:
                subprocess.run([PIPE, "config", "store.sync", "full"], **quiet)
            return [PIPE, "ui", "--no-token", "--port", str(self.port)]
        server = [f"{os.path.dirname(PYTHON)}/mlflow", "server", "--host", "127.0.0.1", "--port", str(self.port)]
        server += ["--backend-store-uri", f"sqlite:///{self.folder}/mlflow.db"]
        server += ["--artifacts-destination", f"{self.folder}/artifacts"]
        return server + (["--workers", str(arguments.workers)] if arguments.workers else [])

    def start(self):
        """Seconds until `/health` is answered."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        command = self.command()
        log = open(f"{self.folder}/log", "w")
        start = time.perf_counter()
        self.process = subprocess.Popen(command, cwd=self.folder, env=ENVIRONMENT, stdout=log, stderr=log)
        while True:
            if self.process.poll() is not None:
                sys.exit(f"{command} ended: {open(log.name).read()}")
            try:
                Connection(self.port).send("GET", "/health")
                return time.perf_counter() - start
            except OSError:
                time.sleep(0.001)

    def stop(self):
        started = processes(self.process.pid)
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            pass
        for process in started:
            try:
                os.kill(process, 9)
            except OSError:
                pass
        self.process.wait()
        self.process = None

    def watch(self):
        while self.process:
            self.peaks[self.part] = max(self.peaks.get(self.part, 0), memory(self.process.pid))
            time.sleep(0.1)


METRICS = ["acc", "loss", "val/acc", "val/loss", "seconds"]
PARAMS = ["lr", "seed", "depth", "width", "optimizer", "batch", "epochs", "data"]
TAGS = ["stage", "note", "host", "kind", "team"]


def contents(number):
    """What the run of that number holds: metrics, params and tags."""
    metrics = [(key, math.modf((number + place) * 0.618)[0]) for place, key in enumerate(METRICS)]
    params = [(key, ["0.1", "0.01", "0.001"][number % 3]) for key in PARAMS]
    tags = [(key, ["train", "evaluate"][number % 2]) for key in TAGS]
    return metrics, params, tags


def pairs(values):
    return [{"key": key, "value": value} for key, value in values]


def load_by_requests(tool):
    connection = Connection(tool.port)
    experiment = connection.ask("/experiments/create", name="loaded")["experiment_id"]
    for number in range(arguments.runs):
        fields = {"experiment_id": experiment, "start_time": START + number, "run_name": f"run-{number}"}
        run = connection.ask("/runs/create", **fields)["run"]["info"]["run_id"]
        metrics, params, tags = contents(number)
        points = [{"key": key, "value": value, "timestamp": START, "step": 1} for key, value in metrics]
        connection.post("/runs/log-batch", run_id=run, metrics=points, params=pairs(params), tags=pairs(tags))
    run = connection.ask("/runs/create", experiment_id="0", run_name="long")["run"]["info"]["run_id"]
    for first in range(0, arguments.points, 1000):
        steps = range(first, min(first + 1000, arguments.points))
        points = [{"key": "loss", "value": 1 / (step + 1), "timestamp": START + step, "step": step} for step in steps]
        connection.post("/runs/log-batch", run_id=run, metrics=points)
    return {"experiment": experiment, "long": run}


def load_by_rows(tool):
    connection = Connection(tool.port)
    experiment = connection.ask("/experiments/create", name="loaded")["experiment_id"]
    long = connection.ask("/runs/create", experiment_id="0", run_name="long")["run"]["info"]["run_id"]
    database = sqlite3.connect(f"{tool.folder}/mlflow.db", timeout=60)

    def insert(table, columns, rows):
        places = ", ".join("?" for _ in columns.split())
        database.executemany(f"INSERT INTO {table} ({', '.join(columns.split())}) VALUES ({places})", rows)

    of_run, of_point = "run_uuid key value", "run_uuid key value timestamp step is_nan"
    for number in range(arguments.runs):
        run = uuid.uuid4().hex
        columns = "run_uuid name source_type user_id status start_time lifecycle_stage artifact_uri experiment_id"
        uri = f"mlflow-artifacts:/{experiment}/{run}/artifacts"
        row = (run, f"run-{number}", "UNKNOWN", "", "RUNNING", START + number, "active", uri, int(experiment))
        insert("runs", columns, [row])
        metrics, params, tags = contents(number)
        tags = [*tags, ("mlflow.runName", f"run-{number}")]
        for table in ["metrics", "latest_metrics"]:
            insert(table, of_point, [(run, key, value, START, 1, 0) for key, value in metrics])
        insert("params", of_run, [(run, *pair) for pair in params])
        insert("tags", of_run, [(run, *pair) for pair in tags])
    points = ((long, "loss", 1 / (step + 1), START + step, step, 0) for step in range(arguments.points))
    insert("metrics", of_point, points)
    last = arguments.points - 1
    insert("latest_metrics", of_point, [(long, "loss", 1 / (last + 1), START + last, last, 0)])
    database.commit()
    return {"experiment": experiment, "long": long}


def load(tool):
    """The ids of what is there, loaded if it is not yet."""
    path = f"{tool.folder}/loaded.json"
    if not os.path.exists(path):
        tool.start()
        loaded = load_by_requests(tool) if tool.name == "pipe" else load_by_rows(tool)
        tool.stop()
        with open(path, "w") as file:
            json.dump(loaded, file)
    with open(path) as file:
        tool.loaded = json.load(file)


def timed(work):
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def in_turns(tools, what, times, work, rounds=5):
    """Does something `times` times with each tool, in rounds, and prints the times."""
    rounds = min(rounds, times)
    found = {tool.name: [] for tool in tools}
    for round in range(rounds):
        for tool in tools:
            tool.part = what
            for turn in range(round * times // rounds, (round + 1) * times // rounds):
                found[tool.name].append(timed(lambda: work(tool, turn)))
            tool.part = "rest"
    tell(what, found)


def tell(what, found):
    ours = found.get("pipe")
    for name, times in found.items():
        times = sorted(times)
        middle, late = statistics.median(times), times[min(len(times) - 1, int(len(times) * 0.95))]
        ratio = f"{middle / statistics.median(ours):.1f}" if ours and name != "pipe" else ""
        row(what, name, f"{middle * 1000:.2f} ms", f"{late * 1000:.2f} ms", len(times), ratio)


def row(*cells):
    print(f"| {' | '.join(str(cell) for cell in cells)} |", flush=True)


def batch(run, number, at="@"):
    """1,000 points: ten of each of a hundred metrics; `at` in place of the time."""
    points = [
        {"key": f"metric/{key}", "value": 0.1 * key, "timestamp": "AT", "step": number * 10 + step}
        for key in range(100)
        for step in range(10)
    ]
    return json.dumps({"run_id": run, "metrics": points}).replace('"AT"', str(at)).encode()


def new_run(connection):
    return connection.ask("/runs/create", experiment_id="0", start_time=START)["run"]["info"]["run_id"]


def part_log(tools):
    runs = {tool.name: new_run(tool.connection) for tool in tools}

    def metric(tool, turn):
        tool.connection.post(
            "/runs/log-metric", run_id=runs[tool.name], key="loss", value=0.5, timestamp=START + turn, step=turn
        )

    in_turns(tools, "log_metric", arguments.times, metric)
    bodies = {tool.name: [batch(runs[tool.name], turn, START) for turn in range(arguments.times // 4)] for tool in tools}
    send = lambda tool, turn: tool.connection.send("POST", f"{API}/runs/log-batch", bodies[tool.name][turn])
    in_turns(tools, "log_batch of 1,000 metrics", arguments.times // 4, send)
    in_turns(tools, "create run", arguments.times // 2, lambda tool, turn: new_run(tool.connection))


def log_for_a_while(port, run, results):
    body = batch(run, 0)
    connection = Connection(port)
    count, start = 0, time.perf_counter()
    while time.perf_counter() - start < arguments.seconds:
        count += 1
        connection.send("POST", f"{API}/runs/log-batch", body.replace(b"@", str(START + count).encode()))
    results.put((count, time.perf_counter() - start))


def part_clients(tools):
    rates = {}
    for tool in tools:
        tool.part = "8 clients"
        results = multiprocessing.Queue()
        runs = [new_run(tool.connection) for _ in range(8)]
        clients = [multiprocessing.Process(target=log_for_a_while, args=(tool.port, run, results)) for run in runs]
        for client in clients:
            client.start()
        found = [results.get() for _ in clients]
        for client in clients:
            client.join()
        tool.part = "rest"
        rates[tool.name] = sum(count / passed for count, passed in found)
    for name, rate in rates.items():
        ratio = f"{rates['pipe'] / rate:.1f}" if "pipe" in rates and name != "pipe" else ""
        what = "8 clients log_batch of 1,000 metrics"
        row(what, name, f"{rate:.1f} batches/s", f"{rate * 1000:.0f} points/s", "", ratio)


def part_search(tools):
    filtered = {"filter": "metrics.acc > 0.5 AND params.lr = '0.1' AND tags.stage = 'train'"}
    ordered = {"order_by": ["metrics.acc DESC"]}
    plain = {"experiment_ids": [], "max_results": 100}
    for what, fields in [
        ("the newest 100", plain),
        ("100 by a metric", {**plain, **ordered}),
        ("the newest 100 of three conditions", {**plain, **filtered}),
        ("100 of three conditions, by a metric", {**plain, **filtered, **ordered}),
        ("all of three conditions, by a metric", {**plain, **filtered, **ordered, "max_results": 1000}),
    ]:

        def search(tool, turn):
            asked = {**fields, "experiment_ids": [tool.loaded["experiment"]]}
            found = json.loads(tool.connection.post("/runs/search", **asked))["runs"]
            assert len(found) >= min(fields["max_results"] // 2, arguments.runs // 20), len(found)

        in_turns(tools, f"search {arguments.runs:,} runs: {what}", 10, search)
    whole = {"max_results": 50_000}

    def all_runs(tool, _):
        tool.connection.post("/runs/search", experiment_ids=[tool.loaded["experiment"]], **whole)

    in_turns(tools, f"search {arguments.runs:,} runs: all of them", 2, all_runs)


def part_history(tools):
    path = f"{API}/metrics/get-history?metric_key=loss&run_id="

    def pages(tool, _):
        token, count = "", 0
        while True:
            page = tool.connection.send("GET", f"{path}{tool.loaded['long']}&max_results=25000&page_token={token}")
            page = json.loads(page)
            count, token = count + len(page["metrics"]), page.get("next_page_token")
            if not token:
                assert count == arguments.points, count
                return

    def first(tool, _):
        tool.connection.send("GET", f"{path}{tool.loaded['long']}&max_results=25000")

    def whole(tool, _):
        tool.connection.send("GET", path + tool.loaded["long"])

    def chart(tool, _):
        sampled = f"/ajax-api/2.0/mlflow/metrics/get-history-bulk-interval?metric_key=loss&max_results=320"
        tool.connection.send("GET", f"{sampled}&run_ids={tool.loaded['long']}")

    def bulk(tool, _):
        several = "/ajax-api/2.0/mlflow/metrics/get-history-bulk?metric_key=loss&max_results=25000"
        tool.connection.send("GET", f"{several}&run_id={tool.loaded['long']}")

    name = f"history of {arguments.points:,} points"
    in_turns(tools, f"{name}: a page of 25,000", 5, first)
    in_turns(tools, f"{name}: 25,000 in bulk", 5, bulk)
    in_turns(tools, f"{name}: 320 for a chart", 5, chart)
    in_turns(tools, f"{name}: whole, in one answer", 1, whole)
    in_turns(tools, f"{name}: whole, in pages of 25,000", 1, pages)


class Bytes:
    """A file of so many bytes that is never whole in memory."""

    def __init__(self, size, seed):
        self.left, self.block = size, seed.to_bytes(2, "big") * 32768

    def read(self, _=-1):
        piece = self.block[: min(self.left, len(self.block))]
        self.left -= len(piece)
        return piece


def part_artifact(tools):
    size = arguments.megabytes << 20
    runs = {tool.name: new_run(tool.connection) for tool in tools}
    address = "/api/2.0/mlflow-artifacts/artifacts/0/{}/artifacts/large-{}.bin"

    def put(tool, turn):
        headers = {"Content-Length": str(size), "Content-Type": "application/octet-stream"}
        path = address.format(runs[tool.name], turn)
        tool.connection.send("PUT", path, Bytes(size, os.getpid() % 1000 + turn), headers)

    def get(tool, turn):
        tool.connection.http.close()
        tool.connection.http.request("GET", address.format(runs[tool.name], turn))
        answer = tool.connection.http.getresponse()
        count, piece = 0, bytearray(1 << 18)
        while got := answer.readinto(piece):
            count += got
        assert count == size, count

    def part(tool, turn):
        # A megabyte of its middle.
        headers = {"Range": f"bytes={size // 2}-{size // 2 + (1 << 20) - 1}"}
        count = len(tool.connection.send("GET", address.format(runs[tool.name], turn % 2), headers=headers))
        assert count == 1 << 20, count

    in_turns(tools, f"an artifact of {arguments.megabytes:,} MB, up", 2, put, 2)
    in_turns(tools, f"an artifact of {arguments.megabytes:,} MB, down", 2, get, 2)
    in_turns(tools, f"an artifact of {arguments.megabytes:,} MB, a megabyte of it", 10, part)


CLIENT = """
import json, os, sys, tempfile, time
os.environ["MLFLOW_TRACKING_URI"] = sys.argv[1]
os.environ["MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"] = "false"
import mlflow
from mlflow import MlflowClient
from mlflow.entities import Metric
experiment, long, times, count, megabytes = sys.argv[2], sys.argv[3], *map(int, sys.argv[4:7])
client = MlflowClient()
found = {}

def measure(what, times, work):
    found[what] = []
    for turn in range(max(times, 1)):
        start = time.perf_counter()
        work(turn)
        found[what].append(time.perf_counter() - start)

run = client.create_run("0").info.run_id
points = lambda turn: [Metric(f"metric/{key}", 0.5, 1, turn * 10 + step) for key in range(100) for step in range(10)]
measure("log_metric", times, lambda turn: client.log_metric(run, "loss", 0.5, step=turn))
measure("log_batch of 1,000 metrics", times // 5, lambda turn: client.log_batch(run, points(turn)))
measure("log_param", times // 2, lambda turn: client.log_param(run, f"p{turn}", turn))
measure("create run", times // 2, lambda turn: client.create_run("0"))
measure("get_run", times // 2, lambda turn: client.get_run(run))

def script(turn):
    with mlflow.start_run():
        mlflow.log_params({"lr": 0.1, "depth": 3})
        for step in range(10):
            mlflow.log_metrics({"loss": 1 / (step + 1), "acc": step / 10}, step=step)
        mlflow.set_tag("team", "blue")

measure("a run of ten steps", times // 10, script)
filter = "metrics.acc > 0.5 AND params.lr = '0.1' AND tags.stage = 'train'"
search = lambda turn: client.search_runs([experiment], filter, max_results=100, order_by=["metrics.acc DESC"])
measure("search of 100 runs, by a metric", 5, search)
whole = lambda turn: client.get_metric_history(long, "loss")
measure(f"history of {count:,} points", 1, whole)
with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "large.bin")
    with open(path, "wb") as file:
        for piece in range(megabytes):
            file.write(piece.to_bytes(4, "big") + os.urandom(1 << 12) * 255 + bytes(4092))
    measure(f"an artifact of {megabytes:,} MB, up", 1, lambda turn: client.log_artifact(run, path))
    os.remove(path)
    measure(f"an artifact of {megabytes:,} MB, down", 1, lambda turn: client.download_artifacts(run, "large.bin", folder))
    assert os.path.getsize(path) == megabytes << 20
print(json.dumps(found))
"""


def part_python(tools):
    found = {}
    for tool in tools * 2:
        tool.part = "MLflow's client"
        command = [PYTHON, "-c", CLIENT, f"http://127.0.0.1:{tool.port}", tool.loaded["experiment"], tool.loaded["long"]]
        command += map(str, [arguments.times // 2, arguments.points, arguments.megabytes])
        done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True)
        if done.returncode:
            sys.exit(done.stderr)
        tool.part = "rest"
        for what, times in json.loads(done.stdout.splitlines()[-1]).items():
            found.setdefault(what, {}).setdefault(tool.name, []).extend(times)
    for what, times in found.items():
        tell(f"MLflow's client: {what}", times)


def part_native():
    """What the store does in one process; nobody else has anything like it."""
    command = [*shlex.split(arguments.native), "batches"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)
    for line in done.stdout.splitlines():
        what, number, unit = line.rsplit(maxsplit=2)
        row(f"native: {what.strip()}", "pipe", f"{number} {unit}", "", "", "")


def part_sync(folder):
    """What an answer waits for where it is to survive a loss of power."""
    tools = [Tool(name, os.path.join(folder, "sync")) for name in ("pipe", FULL)]
    try:
        for tool in tools:
            tool.start()
            tool.connection = Connection(tool.port)
        part_log(tools)
    finally:
        for tool in tools:
            if tool.process:
                tool.stop()


def part_start(tools):
    """The first start fills the store; what is told are later ones."""
    found = {tool.name: [] for tool in tools}
    for _ in range(3):
        for tool in tools:
            # What the other one left running has to end first.
            time.sleep(2)
            found[tool.name].append(tool.start())
            tool.stop()
    tell("start to the first `/health`", found)


def main(folder):
    tools = [Tool(name, folder) for name in arguments.tools]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended"))
    try:
        measure(tools, folder)
    finally:
        for tool in tools:
            if tool.process:
                tool.stop()


def measure(tools, folder):
    is_served = not set(arguments.parts) <= {"native", "sync"}
    for tool in tools if is_served else []:
        load(tool)
    if arguments.parts == ["load"]:
        return
    versions = [subprocess.run([PIPE, "--version"], capture_output=True, text=True).stdout.strip()]
    asked = "import mlflow; print(mlflow.__version__)"
    done = subprocess.run([PYTHON, "-c", asked], capture_output=True, text=True, env=ENVIRONMENT)
    versions.append(f"mlflow {done.stdout.strip()}")
    print(f"{os.cpu_count()} processors; {', '.join(versions)}\n")
    row("what", "server", "median", "95 %", "times", "times pipe's")
    row("---", "---", "---:", "---:", "---:", "---:")
    if "start" in arguments.parts:
        part_start(tools)
    if "native" in arguments.parts:
        part_native()
    if "sync" in arguments.parts:
        part_sync(folder)
    for tool in tools if is_served else []:
        tool.start()
        tool.connection = Connection(tool.port)
        tool.part = "rest"
        threading.Thread(target=tool.watch, daemon=True).start()
    if not is_served:
        return
    time.sleep(1)
    for tool in tools:
        row("memory when started", tool.name, f"{memory(tool.process.pid):.0f} MiB", "", "", "")
    for part in PARTS[1:-1]:
        if part in arguments.parts:
            globals()[f"part_{part}"](tools)
    time.sleep(1)
    for tool in tools:
        peak = max(tool.peaks, key=tool.peaks.get)
        row("memory at the end", tool.name, f"{memory(tool.process.pid):.0f} MiB", "", "", "")
        row(f"memory at most, in: {peak}", tool.name, f"{tool.peaks[peak]:.0f} MiB", "", "", "")
        for part, size in tool.peaks.items():
            print(f"{tool.name}: at most {size:.0f} MiB in {part}", file=sys.stderr)
        tool.stop()


if arguments.folder:
    main(os.path.abspath(arguments.folder))
else:
    with tempfile.TemporaryDirectory(prefix="pipe-bench-") as top:
        main(top)
