"""`python -m tests.bench.tuning PEER SECONDS SEED…`: tuning beside FLAML and plain estimators.

PEER is the Python of an environment with FLAML (peer.py says how to make it). It asks a running
`autolearn up`, on the same cores, one after the other: for each of ten datasets and each seed,
`tune all` and FLAML get the same seconds and the same training rows, and are scored on the same
held-out ones (accuracy, R2). Prints a table in Markdown, and writes build/tuning.json.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import autolearn

PEER = Path(__file__).with_name("peer.py")
DEFAULTS = {
    "classification": ("logistic-regression", "random-forest"),
    "regression": ("ridge", "random-forest-regressor"),
}


def peer(python: str, *words: object) -> Any:
    """Run the other side, and return what it printed last."""
    done = subprocess.run(
        [python, PEER, *map(str, words)], capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout.splitlines()[-1])


def main(python: str, seconds: float, seeds: list[int]) -> None:
    al, rows = autolearn.connect(), []
    for seed in seeds:
        with tempfile.TemporaryDirectory(prefix="autolearn-bench-") as name:
            folder = Path(name)
            for data, target, task in peer(python, "data", folder, seed):
                file = folder / f"{data}.csv"
                metric = "accuracy" if task == "classification" else "r2"
                known = al.dataset(
                    file, name=f"{data.replace('_', '-')}-{seed}", target=target,
                    accept_findings=True,
                )  # fmt: skip
                common: dict[str, Any] = {
                    "split": {"by": "column", "column": "part"}, "seed": seed, "task": task,
                }  # fmt: skip
                with al.session(f"{data} {seed}") as session:
                    plain = [
                        session.train(one, known, metrics=[metric], **common).results[metric]
                        for one in DEFAULTS[task]
                    ]
                    study = session.tune("all", known, budget=seconds, metric=metric, **common)
                    best = study.best()
                    ours = best.evaluate(metrics=[metric]).results[metric]
                    trials = len(list(study.trials()))
                    session.discard()
                theirs, found = peer(python, "flaml", file, target, task, seconds, seed)
                row = {
                    "dataset": data, "seed": seed, "defaults": plain, "ours": ours,
                    "estimator": best.estimator, "trials": trials, "flaml": theirs,
                    "flaml_estimator": found,
                }  # fmt: skip
                rows.append(row)
                print(row, flush=True)
    Path("build").mkdir(exist_ok=True)
    Path("build/tuning.json").write_text(json.dumps(rows, indent=1))
    print("| dataset | logistic regression or ridge | random forest | `tune all` | FLAML |")
    print("|---|---|---|---|---|")
    shares = []
    for data in dict.fromkeys(row["dataset"] for row in rows):
        of = [row for row in rows if row["dataset"] == data]
        middle = [
            statistics.median(values)
            for values in (
                [row["defaults"][0] for row in of], [row["defaults"][1] for row in of],
                [row["ours"] for row in of], [row["flaml"] for row in of],
            )
        ]  # fmt: skip
        shares.append(middle[2] / middle[3])
        print(f"| {data} | {' | '.join(f'{value:.4f}' for value in middle)} |")
    print(f"tune_vs_flaml_median {statistics.median(shares):.3f}")


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]), [int(one) for one in sys.argv[3:]])
