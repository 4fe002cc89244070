"""Searches the same runs at two servers by MLflow's client, and tells where what it finds differs.

    searched.py THEIRS OURS

The runs are those of corpus.py, which replay.py has made at both; every filter and order is asked, whole and in pages, as
objects and as pandas frames.
"""

import math
import sys

import mlflow
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from corpus import DATA, FILTERS, ORDERS

EXPERIMENT = "corpus"


class Side:
    def __init__(self, address):
        self.address, self.client = address, MlflowClient(address)
        self.experiment = self.client.get_experiment_by_name(EXPERIMENT).experiment_id
        # A run's number in the corpus is its param `n`; ids differ.
        self.numbers, self.ids = {}, {}
        for run in self.client.search_runs([self.experiment], order_by=["params.n"]):
            at = int(run.data.params["n"]) if "n" in run.data.params else None
            self.numbers[run.info.run_id] = at
            self.ids[f"corpus{at}"] = run.info.run_id

    def named(self, filter):
        for name, run in sorted(self.ids.items(), reverse=True):
            filter = filter.replace("${%s}" % name, run)
        return filter

    def objects(self, filter, order):
        found, token = [], None
        while True:
            page = self.client.search_runs(
                [self.experiment], self.named(filter), order_by=order, max_results=7, page_token=token
            )
            found += [(self.numbers[run.info.run_id], run.info.status, told(run.data.metrics)) for run in page]
            token = page.token
            if not token:
                return found

    def frame(self, filter, order):
        mlflow.set_tracking_uri(self.address)
        frame = mlflow.search_runs([self.experiment], self.named(filter), order_by=order)
        columns = sorted(name for name in frame.columns if name.split(".")[0] in ["metrics", "params", "tags", "status"])
        columns = [name for name in columns if name != "tags.mlflow.parentRunId"]
        rows = frame[columns].astype(str).to_dict("records")
        return list(zip([self.numbers[run] for run in frame["run_id"]], rows)) if rows else []

    def answer(self, how, filter, order):
        try:
            return getattr(self, how)(filter, order)
        except MlflowException as fault:
            return fault.error_code


def told(metrics):
    return {key: "NaN" if math.isnan(value) else value for key, value in metrics.items()}


theirs, ours = Side(sys.argv[1]), Side(sys.argv[2])
assert len(theirs.numbers) == len(ours.numbers) == len(DATA) > 20, (len(theirs.numbers), len(DATA))
faults = matched = refused = 0
cases = [(filter, ["params.n"]) for filter in FILTERS] + [("", [*order, "params.n"]) for order in ORDERS]
for filter, order in cases:
    for how in ["objects", "frame"]:
        expected, found = theirs.answer(how, filter, order), ours.answer(how, filter, order)
        refused += isinstance(expected, str)
        matched += isinstance(expected, list) and bool(expected)
        # Their database answers 500 where one key is named twice.
        if expected != found and expected != "INTERNAL_ERROR":
            faults += 1
            print(f"{how} {filter!r} {order}\n  theirs {str(expected)[:300]}\n  ours   {str(found)[:300]}")
print(f"{len(cases)} searches, {matched} answers with runs, {refused} refusals, {faults} faults")
# Searches that find nothing agree about nothing.
assert matched > len(cases) and refused > 20, (matched, refused)
sys.exit(bool(faults))
