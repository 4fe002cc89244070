"""Sends the same requests to two servers and tells where their answers differ.

    replay.py THEIRS OURS

What is made anew each time (ids, times, random names) is replaced by names before the comparison. differences.json
lists the requests whose answers are meant to differ, each with its reason; one that does not differ any more is an error
too.
"""

import json
import pathlib
import re
import sys

import requests

from steps import STEPS

TIMES = {
    "creation_time",
    "last_update_time",
    "start_time",
    "end_time",
    "creation_timestamp",
    "last_updated_timestamp",
    "creation_timestamp_ms",
    "last_updated_timestamp_ms",
}
# What newer servers add to every answer, and what only a server with several workspaces means.
PASSED_OVER = {"sqlstate", "error_class", "workspace", "stack_trace"}


def found_at(value, place):
    """What lies at a place like `runs.0.info`."""
    for part in place.split("."):
        value = value[int(part)] if isinstance(value, list) else value[part]
    return value


class Server:
    def __init__(self, address):
        self.address = address
        self.known = {}
        self.session = requests.Session()

    def fill(self, value):
        if isinstance(value, str):
            return re.sub(r"\$\{(\w+)\}", lambda match: self.known.get(match[1], match[0]), value)
        if isinstance(value, list):
            return [self.fill(item) for item in value]
        if isinstance(value, dict):
            return {self.fill(key): self.fill(item) for key, item in value.items()}
        return value

    def ask(self, step):
        method, path = step["do"].split(" ", 1)
        path = self.fill(path)
        url = self.address + (path if path.startswith("/") else "/api/2.0/mlflow/" + path)
        sent = {"params": self.fill(step.get("query"))}
        if "body" in step:
            sent["json"] = self.fill(step["body"])
        if "raw" in step:
            repeat = step.get("repeat", 1)
            sent["data"] = (self.fill(step["raw"]) * repeat).encode()
            sent["headers"] = {"Content-Type": step.get("type", "application/json")}
        sent["headers"] = {**sent.get("headers", {}), **step.get("headers", {})}
        prepared = self.session.prepare_request(requests.Request(method, self.address, **sent))
        # As it is written: what a path hides is what is asked about.
        prepared.url = url + "?" + prepared.url.split("?", 1)[1] if "?" in prepared.url else url
        answer = self.session.send(prepared, timeout=300)
        try:
            body = answer.json()
        except ValueError:
            body = answer.text
        for name, place in step.get("keep", {}).items():
            self.known[name] = str(found_at(body, place))
        if step.get("ids") and "runs" in body:
            body["runs"] = [run["info"]["run_id"] for run in body["runs"]]
        if "only" in step:
            body = {step["only"]: found_at(body, step["only"])}
        else:
            body = self.normal(body, in_order=step.get("in_order", False))
        if step.get("unordered"):
            for items in body.values():
                items.sort(key=lambda item: json.dumps(item, sort_keys=True))
        return {"status": answer.status_code, "body": body}

    def normal(self, value, key=None, in_order=False):
        if key in TIMES:
            return "<time>"
        if key == "next_page_token":
            return "<token>"
        if isinstance(value, dict):
            return {name: self.normal(item, name, in_order) for name, item in value.items() if name not in PASSED_OVER}
        if isinstance(value, list):
            items = [self.normal(item, in_order=in_order) for item in value]
            if in_order:
                return items
            has_keys = items and all(isinstance(item, dict) and "key" in item and "step" not in item for item in items)
            # MLflow promises no order of tags, params, latest metrics and latest versions.
            if has_keys or key == "latest_versions" or key == "metrics" and all("run_id" not in item for item in items):
                items.sort(key=lambda item: json.dumps(item, sort_keys=True))
            return items
        if isinstance(value, str):
            for name, known in sorted(self.known.items(), key=lambda pair: -len(pair[1])):
                if len(known) > 8:
                    value = value.replace(known, f"<{name}>")
            value = re.sub(r"\b[0-9a-f]{32}\b", "<id>", value)
            value = re.sub(r"^[a-z]+-[a-z]+-\d+$", "<random name>", value)
            if value.startswith("[{"):
                return json.loads(value)
            # Python shows a set in no order.
            return re.sub(r"\{('[^{}]*')\}", lambda match: "{" + ", ".join(sorted(match[1].split(", "))) + "}", value)
        return value


def difference(theirs, ours, path=""):
    """The first place where two values differ."""
    if isinstance(theirs, dict) and isinstance(ours, dict):
        for key in sorted(set(theirs) | set(ours)):
            if key not in theirs or key not in ours or theirs[key] != ours[key]:
                return difference(theirs.get(key), ours.get(key), f"{path}.{key}")
    if isinstance(theirs, list) and isinstance(ours, list) and len(theirs) == len(ours):
        for at, (left, right) in enumerate(zip(theirs, ours)):
            if left != right:
                return difference(left, right, f"{path}[{at}]")
    show = lambda value: json.dumps(value, sort_keys=True)[:600]
    return f"at {path}\n  theirs {show(theirs)}\n  ours   {show(ours)}"


def main():
    listed = json.loads(pathlib.Path(__file__).with_name("differences.json").read_text())
    meant = {entry["request"]: entry for entry in listed}
    theirs, ours = Server(sys.argv[1]), Server(sys.argv[2])
    faults = []
    unknown = set(meant) - {step["name"] for step in STEPS}
    faults += [f"there is no request `{name}`" for name in unknown]
    if len({step["name"] for step in STEPS}) != len(STEPS):
        faults.append("two requests have one name")
    for step in STEPS:
        try:
            expected = theirs.ask(step)
            found = ours.ask(step)
        except Exception as fault:
            faults.append(f"{step['name']}: {fault!r}")
            continue
        if expected["body"] in ("", None) or step.get("status_only"):
            expected["body"] = found["body"] = None
        if found["status"] >= 500:
            faults.append(f"{step['name']}: answered {found}")
        entry = meant.get(step["name"])
        differs = json.dumps(expected, sort_keys=True) != json.dumps(found, sort_keys=True)
        if entry is None and differs:
            faults.append(f"{step['name']}: {difference(expected, found)}")
        elif entry is not None and not differs:
            faults.append(f"{step['name']}: is meant to differ and does not")
        elif entry is not None and (
            found["status"] != entry["status"] or entry.get("tells", "") not in json.dumps(found["body"])
        ):
            faults.append(f"{step['name']}: differs otherwise than is meant: {found}")
    for fault in faults:
        print(fault)
    print(f"{len(STEPS)} requests, {len(faults)} faults")
    sys.exit(bool(faults))


main()
