"""`python -m tests.bench [--keep] [NAME…]`: measure, print a table, write build/bench.json.

With names only those benches run, and what build/bench.json holds of the others stays in it. The
table names every figure with an aim that is worse than the last kept one; `--keep` makes the new
figures the kept ones (tests/bench/kept.json, which is committed).
"""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from pkgutil import resolve_name
from typing import Any, NamedTuple

import msgspec
import psutil
import uvloop
from rich.console import Console
from rich.table import Table

RESULT = Path("build/bench.json")
KEPT = Path(__file__).with_name("kept.json")
WORSE = 0.15
"""By how much a figure may be worse than the kept one: less is noise on a shared machine."""


class Aim(NamedTuple):
    """What a figure should be: at most (or at least) `limit`; None: it is only shown.

    `beside` is a bare figure of the same run. Two runs are compared by the ratio to it, which
    another machine changes less.
    """

    words: str
    limit: float | None = None
    at_least: bool = False
    beside: str = ""

    def met(self, figure: float) -> bool:
        if self.limit is None:
            return True
        return figure >= self.limit if self.at_least else figure <= self.limit

    def worse(self, key: str, now: dict[str, Any], kept: dict[str, Any]) -> float:
        """Return by which part `key` is worse than it was kept; 0 if it cannot be compared."""
        if self.limit is None or key not in kept:
            return 0.0
        if self.beside:
            new, old = now[key] / now[self.beside], kept[key] / kept[self.beside]
        elif now["machine"] == kept["machine"]:
            new, old = now[key], kept[key]
        else:
            return 0.0
        if not new or not old:
            return 0.0
        return (old / new if self.at_least else new / old) - 1

    def __str__(self) -> str:
        return "" if self.limit is None else f"{'≥' if self.at_least else '≤'} {self.limit:g}"


class Bench(NamedTuple):
    """The function that measures, as module:name, and the aims of every figure that it returns.

    It is imported when it runs: a figure of memory must not count what other benches import.
    """

    run: str
    aims: dict[str, Aim]

    def measure(self) -> dict[str, float]:
        function: Callable[[], Coroutine[Any, Any, dict[str, float]]] = resolve_name(self.run)
        return uvloop.run(function())


BENCHES = {
    "main-job": Bench(
        "tests.bench.main_job:main_job",
        {
            "command_p50_ms": Aim("a command, answered: median, ms", 5, beside="log_floor_ms"),
            "command_p99_ms": Aim("a command, answered: 99 of 100, ms", 20),
            "log_floor_ms": Aim("two flushed appends and nothing else: median, ms"),
            "command_vs_log_floor": Aim("a command / these two appends"),
            "commands_per_s_20_clients": Aim("commands a second, 20 clients", 700, at_least=True),
            "training_overhead_p50_ms": Aim("a training but its 5-ms fit: median, ms", 40),
            "short_trainings_ratio": Aim("50 trainings, 2 slots: time / (fits / 2)"),
            "rest_pss_mb": Aim("memory of `autolearn up` at rest (PSS), MiB", 1024),
            "up_ready_s": Aim("`autolearn up` until ready, warm, s", 8),
        },
    ),
    "serving": Bench(
        "tests.bench.serving.online:online",
        {
            "predict_lr_p50_ms": Aim(
                "one row, logistic regression: median, ms", 0.4, beside="predict_http_floor_p50_ms"
            ),
            "predict_lr_rps_20": Aim(
                "rows a second, 20 clients", 4000, True, "predict_http_floor_rps_20"
            ),
            "predict_rf_p50_ms": Aim(
                "one row, forest of 100 trees: median, ms", 0.8, beside="predict_http_floor_p50_ms"
            ),
            "predict_rf_rps_20": Aim(
                "rows a second, 20 clients", 1700, True, "predict_http_floor_rps_20"
            ),
            "predict_durable_p50_ms": Aim(
                "one row, recorded durably: median, ms", 3, beside="predict_append_floor_ms"
            ),
            "adopt_p95_s": Aim("a promotion until it answers: 95 of 100, s", 1),
            "predict_vs_mlflow_rps": Aim("rows a second / those of MLflow", 20, at_least=True),
            "predict_vs_mlserver_rps": Aim("rows a second / those of MLServer", 20, at_least=True),
            "mlserver_lr_p50_ms": Aim("MLServer, one row: median, ms"),
            "mlserver_lr_rps_20": Aim("MLServer, rows a second, 20 clients"),
            "mlflow_lr_p50_ms": Aim("MLflow, one row: median, ms"),
            "mlflow_lr_rps_20": Aim("MLflow, rows a second, 20 clients"),
            "predict_http_floor_p50_ms": Aim("a bare HTTP server: median, ms"),
            "predict_http_floor_rps_20": Aim("a bare HTTP server, 20 clients, requests a second"),
            "predict_append_floor_ms": Aim("a flushed append and nothing else: median, ms"),
        },
    ),
    "light-client": Bench(
        "tests.bench.installation.light_client:light_client",
        {
            "client_wheel_install_mb": Aim("`autolearn-client`, installed, MB", 30),
            "whole_install_mb": Aim("`autolearn`, installed, MB"),
            "client_vs_whole_install": Aim("light / whole"),
        },
    ),
    "rebuild": Bench(
        "tests.bench.recovery.rebuild:rebuilding",
        {
            "rebuild_events_per_s_1p": Aim("rebuild of 1M events, one process", 200_000, True),
            "rebuild_events_per_s_2p": Aim("the same, two processes"),
            "rebuild_2p_vs_1p": Aim("two processes / one", 1.7, at_least=True),
            "rebuild_vs_bare_consumer": Aim("rebuild / a consumer that only reads"),
            "rebuild_vs_faust_recovery": Aim("rebuild / recovery of a Faust table", 5, True),
            "rebuild_vs_quix_recovery": Aim("rebuild / recovery of a Quix Streams state"),
            "faust_recovery_records_per_s": Aim("recovery of a Faust table, 100k records"),
            "quix_recovery_records_per_s": Aim("recovery of a Quix Streams state, 1M records"),
            "rebuild_peak_pss_mb_100k": Aim("peak memory, 100k events (PSS), MiB"),
            "rebuild_peak_pss_mb_1m": Aim("peak memory, 1M events (PSS), MiB"),
        },
    ),
    "chain": Bench(
        "tests.bench.chain:chain",
        {
            "chain_event_us": Aim("hash and header of an event in the decider, us", 50),
            "chain_signature_ms": Aim("signing a checkpoint, ms"),
            "chain_verify_events_per_s": Aim("`replay verify --chain`, events a second"),
            "chain_verify_backup_events_per_s": Aim("the same on a backup"),
            "chain_verify_event_cpu_us": Aim("processor time of it for an event, us"),
            "chain_verify_backup_event_cpu_us": Aim("the same on a backup"),
        },
    ),
    "secure": Bench(
        "tests.bench.secure:secure",
        {
            "open_command_p50_ms": Aim("a command by our client, all of security off: median, ms"),
            "secure_command_p50_ms": Aim("the same, all on"),
            "secure_vs_open_command_p50": Aim("on / off", 1.2),
            "open_commands_per_s_20_clients": Aim("commands a second, 20 of our clients, off"),
            "secure_commands_per_s_20_clients": Aim("the same, all on"),
            "secure_vs_open_throughput": Aim("on / off", 0.8, at_least=True),
            "rebuild_clear_events_per_s": Aim("rebuild, 200k events in clear, events a second"),
            "rebuild_encrypted_events_per_s": Aim("the same, encrypted", 100_000, at_least=True),
            "secure_vs_open_fold": Aim("encrypted / clear", 0.8, at_least=True),
            "secure_vs_open_rebuild": Aim("encrypted and the chain checked / clear"),
        },
    ),
    "time-travel": Bench(
        "tests.bench.time_travel:time_travel",
        {
            "as_of_p50_ms": Aim(
                "`session show --as-of POSITION`, 200 events of 1M: median, ms",
                30,
                beside="as_of_bare_ms",
            ),
            "as_of_bare_ms": Aim("the records among which they lie, by librdkafka alone"),
            "as_of_time_p50_ms": Aim("the same, as of a time"),
            "as_of_scattered_p50_ms": Aim("the same, its events spread over the whole log"),
        },
    ),
    "api-start": Bench(
        "tests.bench.api_start:api_start",
        {"api_ready_from_empty_100k_s": Aim("an API process without read models, 100k events, s")},
    ),
    "deciders": Bench(
        "tests.bench.deciders:deciders",
        {
            "decider_commands_per_s_1": Aim("commands a second, 1 decide process, 8 partitions"),
            "decider_commands_per_s_2": Aim("the same, 2 decide processes"),
            "decider_commands_per_s_4": Aim("the same, 4 decide processes"),
        },
    ),
    "ingest": Bench(
        "tests.bench.datasets.ingest:ingest",
        {
            "inference_right": Aim("columns of 39 real files read as a person would", 0.98, True),
            "inference_right_pandas": Aim("the same by pandas"),
            "inference_right_duckdb": Aim("the same by DuckDB"),
            "inference_right_codes_text": Aim("the same where codes in digits should be text"),
            "inference_right_pandas_codes_text": Aim("the same by pandas"),
            "inference_right_duckdb_codes_text": Aim("the same by DuckDB"),
            "silent_wrong": Aim("damaged tables that are wrong without a word", 0),
            "ingest_rows_per_s": Aim("rows a second, all looked at, 7 columns"),
            "ingest_rows_per_s_arrow": Aim("the same file, Arrow alone, two threads"),
            "ingest_rows_per_s_duckdb": Aim("the same file, DuckDB alone, two threads"),
            "ingest_peak_pss_mb": Aim("memory of the reader (PSS), MiB", 500),
        },
    ),
    "tune": Bench(
        "tests.bench.studies.tune:tune",
        {
            "tune_trials_per_s": Aim("trials of a study on two slots, per s"),
            "tune_optuna_trials_per_s": Aim("Optuna alone in one process, per s"),
            "tune_vs_optuna": Aim("trials of a study / Optuna alone", 0.7, at_least=True),
        },
    ),
    "prediction": Bench(
        "tests.bench.datasets.prediction:prediction",
        {
            "predict_100k_rows_s": Aim(
                "predictions of 100,000 rows, from CSV to stored files: median, s",
                beside="predict_sklearn_s",
            ),
            "predict_sklearn_s": Aim("the same rows in memory, scikit-learn alone, s"),
            "predict_vs_sklearn": Aim("predictions / scikit-learn alone"),
        },
    ),
    "batch": Bench(
        "tests.bench.datasets.batch:batch",
        {
            "batch_rows_per_s": Aim(
                "rows of a dataset that a model predicts a second, 1M rows, LR",
                200_000,
                at_least=True,
                beside="batch_sklearn_rows_per_s",
            ),
            "batch_sklearn_rows_per_s": Aim("the same batches, scikit-learn alone, nothing kept"),
            "batch_vs_sklearn": Aim("predictions / scikit-learn alone"),
            "batch_peak_pss_mb": Aim("memory of the run's process (PSS), MiB", 600),
        },
    ),
    "stream": Bench(
        "tests.bench.datasets.stream:stream",
        {
            "stream_train_rows_per_s": Aim(
                "20M rows a second through select, clean and a training in batches (SGD)",
                beside="stream_loop_rows_per_s",
            ),
            "stream_select_rows_per_s": Aim("the step select alone, by an expression"),
            "stream_clean_rows_per_s": Aim("the step clean alone, two text columns"),
            "stream_fit_rows_per_s": Aim(
                "the training alone, with imputing, scaling and one-hot", 300_000, at_least=True
            ),
            "stream_loop_rows_per_s": Aim("a plain loop of partial_fit, read once, nothing kept"),
            "stream_vs_loop": Aim("training in batches / plain loop"),
            "stream_train_peak_pss_mb": Aim("memory of the largest process (PSS), MiB", 600),
        },
    ),
    "prediction-fold": Bench(
        "tests.bench.serving.fold:fold",
        {
            "prediction_fold_per_s": Aim(
                "encrypted predictions counted by hour a second, one thread",
                50_000,
                at_least=True,
                beside="prediction_read_per_s",
            ),
            "prediction_read_per_s": Aim("the same records only read and decoded"),
            "prediction_fold_vs_read": Aim("counted / only read"),
        },
    ),
    "backtest": Bench(
        "tests.bench.datasets.backtest:backtest",
        {
            "backtest_rows_per_s": Aim(
                "rows a second, from the prediction log to the comparison, requests of one row",
                30_000,
                at_least=True,
                beside="backtest_sklearn_rows_per_s",
            ),
            "backtest_freeze_rows_per_s": Aim("of that: read, decrypted, and frozen as a table"),
            "backtest_sklearn_rows_per_s": Aim("the same table, scikit-learn alone, nothing kept"),
        },
    ),
    "pipelines": Bench(
        "tests.bench.pipelines.runs:runs",
        {
            "pipeline_overhead_per_step_ms": Aim(
                "a step that does nothing, in a process of its own, ms",
                80,
                beside="kedro_per_step_ms",
            ),
            "cached_pipeline_10_steps_s": Aim("a run of 10 steps, all from the cache, s", 1),
            "fanout_100_steps_ratio": Aim(
                "100 steps that sleep 100 ms on two slots / ideal", 1.3, beside="kedro_fanout_ratio"
            ),
            "kedro_per_step_ms": Aim("the same chain by Kedro's ParallelRunner, ms a node"),
            "kedro_fanout_ratio": Aim("the same fan by Kedro's ParallelRunner / ideal"),
        },
    ),
    "pipelines-list": Bench(
        "tests.bench.pipelines.lists:lists",
        {
            "pipelines_10k_list_ms": Aim(
                "a page of 10,000 pipelines or 100,000 runs, the slowest kind: 95 of 100, ms",
                300,
                beside="pipelines_10k_bare_ms",
            ),
            "pipelines_10k_first_p50_ms": Aim("the first 100 pipelines: median, ms"),
            "pipelines_10k_middle_p50_ms": Aim("100 in the middle"),
            "pipelines_10k_all_p50_ms": Aim("the first 100 of all users, for a sysadmin"),
            "pipelines_10k_runs_p50_ms": Aim("the newest 50 runs of all pipelines"),
            "pipelines_10k_runs_middle_p50_ms": Aim("50 in the middle"),
            "pipelines_10k_runs_of_one_p50_ms": Aim("the 10 runs of one pipeline"),
            "pipelines_10k_runs_of_few_p50_ms": Aim("50 runs, of a user with 10 pipelines"),
            "pipelines_10k_runs_shared_p50_ms": Aim("50 runs, of 1,000 shared pipelines"),
            "pipelines_10k_runs_of_none_p50_ms": Aim("no run, of a user without pipelines"),
            "pipelines_10k_bare_ms": Aim("100 pipelines read, decrypted and encoded: median, ms"),
        },
    ),
    "session-growth": Bench(
        "tests.bench.session_growth:session_growth",
        {
            "session_command_us_10": Aim("a command in a session with 10 runs, us"),
            "session_command_us_5000": Aim("the same with 5,000 runs"),
            "session_growth_ratio": Aim("5,000 / 10", 1.3),
        },
    ),
    "compare": Bench(
        "tests.bench.comparisons.compare:compare",
        {
            "compare_1000_trainings_ms": Aim(
                "comparison of 1,000 trainings with their evaluations: median, ms",
                300,
                beside="compare_floor_ms",
            ),
            "compare_floor_ms": Aim("the same rows only read, decrypted and decoded, ms"),
            "compare_vs_floor": Aim("comparison / these rows"),
        },
    ),
    "recovery": Bench(
        "tests.bench.recovery.measure:recovery",
        {
            "decider_recovery_p50_s": Aim("kill -9 of the decider until it decides: median, s", 3),
            "decider_recovery_max_s": Aim("the same, the longest, s", 3),
            "broker_recovery_max_s": Aim("kill -9 of the broker until all decide, longest, s"),
        },
    ),
    "feed": Bench(
        "tests.bench.feed:feed",
        {
            "feed_latency_p50_ms": Aim("an answer to its event on the feed: median, ms"),
            "feed_idle_follower_kb": Aim("memory of a client that follows (PSS), KiB"),
            "feed_idle_100_cpu_percent": Aim("100 idle clients, nothing happens: % of a core"),
            "feed_commands_per_s_none": Aim("commands a second, nobody follows"),
            "feed_commands_per_s_idle": Aim("commands a second, 100 follow another stream"),
            "feed_commands_per_s_all": Aim("commands a second, 100 follow all"),
            "feed_catch_up_events_per_s": Aim("events a second, one client from the first"),
        },
    ),
    "pressure": Bench(
        "tests.bench.pressure:pressure",
        {
            "pressure_rest_pss_mb": Aim("memory of an API process at rest (PSS), MiB"),
            "pressure_peak_pss_mb": Aim("deciders stopped, 200 clients: its peak, MiB", 512),
            "pressure_late_growth_mb": Aim("the same: growth while all is refused, MiB", 16),
            "pressure_accepted": Aim("commands taken before they are refused"),
            "pressure_refusals_per_s": Aim("refusals a second then"),
            "pressure_refusal_p99_ms": Aim("a refusal: 99 of 100, ms"),
            "pressure_read_p99_ms": Aim("a read meanwhile: 99 of 100, ms"),
            "pressure_waiting_peak_pss_mb": Aim("1,200 clients that wait: peak, MiB", 512),
            "pressure_waiting_refused": Aim("of these, told to come back (429)"),
            "pressure_drained_s": Aim("deciders go on: seconds until all is decided"),
        },
    ),
    "neighbour": Bench(
        "tests.bench.neighbour:neighbour",
        {
            "neighbour_alone_p99_ms": Aim("a command of a user alone: 99 of 100, ms"),
            "neighbour_beside_p99_ms": Aim("the same beside a hostile user, ms"),
            "neighbour_p99_ratio": Aim("beside / alone", 5),
            "neighbour_hostile_requests": Aim("requests of the hostile one meanwhile"),
        },
    ),
    "pool": Bench(
        "tests.bench.pool:pool",
        {
            "pool_trainings_per_s_1": Aim("50-ms trainings a second, 1 worker with 1 slot"),
            "pool_trainings_per_s_2": Aim("the same, 2 workers"),
            "pool_trainings_per_s_4": Aim("the same, 4 workers"),
            "pool_short_beside_long_s": Aim("40 of them beside a 60-s one, 2 workers, s", 60),
            "pool_idle_max_s": Aim("longest time a slot was idle while a run waited, s", 2),
            "pool_one_queued_before": Aim("runs that wait when another session asks for its one"),
            "pool_one_overtaken_by": Aim("of these, how many start before it"),
            "pool_one_beside_many_s": Aim("until that one starts, s", 2),
            "worker_recovery_max_s": Aim("kill -9 of a worker to the next attempt, s", 15),
        },
    ),
}


def main(words: list[str]) -> None:
    """Run benches by their names; all without."""
    names = [word for word in words if word != "--keep"]
    if unknown := set(names) - set(BENCHES):
        sys.exit(f"there is no bench {', '.join(unknown)}; there are {', '.join(BENCHES)}")
    busy = psutil.cpu_percent(1.0)
    print(f"{machine()}; {busy:.0f} % busy with other things before the start", flush=True)
    table = Table("", "figure", "aim", "")
    table.columns[1].justify = "right"
    known = msgspec.json.decode(RESULT.read_bytes()) if names and RESULT.exists() else {}
    kept = msgspec.json.decode(KEPT.read_bytes()) if KEPT.exists() else {}
    known["machine"] = machine()
    for name in names or BENCHES:
        figures = BENCHES[name].measure()
        known |= {key: round(figures[key], 3) for key in BENCHES[name].aims}
        for key, aim in BENCHES[name].aims.items():
            verdict = "" if aim.met(figures[key]) else "missed"
            if (worse := aim.worse(key, known, kept)) > WORSE:
                verdict += f" {worse:.0%} worse than kept"
            digits = 3 if figures[key] < 1 else 2
            table.add_row(aim.words, f"{figures[key]:.{digits}f}", str(aim), verdict)
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_bytes(msgspec.json.format(msgspec.json.encode(known)))
    if "--keep" in words:
        KEPT.write_bytes(msgspec.json.format(msgspec.json.encode(kept | known)) + b"\n")
    Console().print(table)


def machine() -> str:
    """The machine in words: cores, model, memory."""
    cpus = Path("/proc/cpuinfo")
    lines = cpus.read_text().splitlines() if cpus.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    model = models[0] if models else platform.machine()
    return f"{os.cpu_count()} cores {model}, {psutil.virtual_memory().total / 2**30:.0f} GiB"


if __name__ == "__main__":
    main(sys.argv[1:])
