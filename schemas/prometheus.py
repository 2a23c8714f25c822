"""Every instrument for Prometheus: its kind, labels and meaning, and which process types expose it.

Names follow https://prometheus.io/docs/practices/naming/: base units (seconds, bytes), counters end
in _total. docs/operations.md has the same table with what to alert on; a test compares them.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

API, DECIDE, DISPATCH, SUPERVISE, WORK = "api", "decide", "dispatch", "supervise", "work"
_MONITOR = "monitor"
ALL_TYPES = (API, DECIDE, DISPATCH, SUPERVISE, _MONITOR, WORK)
"""The process types that have instruments."""


class Instrument(NamedTuple):
    """A counter, gauge or histogram for Prometheus. `where` are the process types with it."""

    kind: Literal["counter", "gauge", "histogram"]
    where: tuple[str, ...]
    labels: tuple[str, ...]
    what: str


INSTRUMENTS: dict[str, Instrument] = {
    "autolearn_build_info": Instrument(
        "gauge", ALL_TYPES, ("version",), "Always 1; the label says which version runs."
    ),
    # API: requests
    "autolearn_http_requests_total": Instrument(
        "counter", (API,), ("method", "route", "status"), "HTTP requests, by the route's template."
    ),
    "autolearn_http_request_duration_seconds": Instrument(
        "histogram",
        (API,),
        ("method", "route"),
        "From a request to the end of its answer, waits of Prefer included, event streams not.",
    ),
    "autolearn_command_duration_seconds": Instrument(
        "histogram",
        (API,),
        ("answer",),
        "From sending a command to its answer in the read models, while a client waits for it; "
        "by accepted, refused or failed.",
    ),
    "autolearn_sse_clients": Instrument("gauge", (API,), (), "Open event streams."),
    "autolearn_ready": Instrument(
        "gauge", (API,), (), "1 when this process has caught up and Kafka answers."
    ),
    # API: load
    "autolearn_waiting_requests": Instrument("gauge", (API,), ("sort",), "Requests in progress."),
    "autolearn_waiting_bytes": Instrument(
        "gauge", (API,), (), "Bytes of the bodies of requests in progress."
    ),
    "autolearn_appends": Instrument(
        "gauge", (API,), (), "Commands that Kafka has not acknowledged."
    ),
    "autolearn_appends_bytes": Instrument("gauge", (API,), (), "Bytes of these commands."),
    "autolearn_undecided": Instrument(
        "gauge", (API,), ("partition",), "Undecided commands up to this process's newest one."
    ),
    "autolearn_stale_seconds": Instrument(
        "gauge", (API,), (), "Age of the read models while Kafka does not answer; else 0."
    ),
    "autolearn_cut_followers_total": Instrument(
        "counter",
        (API,),
        (),
        "Clients that were disconnected because they did not read their stream.",
    ),
    "autolearn_audit_available": Instrument(
        "gauge", (API,), (), "1 when the behaviour log can be written; else changes are refused."
    ),
    "autolearn_audit_pending": Instrument(
        "gauge", (API,), (), "Records of the behaviour log that Kafka has not acknowledged."
    ),
    "autolearn_audit_lost_total": Instrument(
        "counter", (API,), (), "Records of the behaviour log that could not be written."
    ),
    "autolearn_predictions_dropped_total": Instrument(
        "counter", (API,), (), "Records of fast models' answers that could not be written."
    ),
    # API: the log
    "autolearn_decisions_total": Instrument(
        "counter", (API,), ("type",), "Events seen on the log since this process was ready."
    ),
    "autolearn_position": Instrument(
        "gauge", (API,), ("partition",), "Offset of `events` that this process folds next."
    ),
    "autolearn_term": Instrument(
        "gauge",
        (API,),
        ("partition",),
        "Term of a partition's decider: rises when the decider changes.",
    ),
    "autolearn_runs": Instrument(
        "gauge", (API,), ("kind", "state"), "Runs that have not ended: waiting or running."
    ),
    "autolearn_runs_ended_total": Instrument(
        "counter",
        (API,),
        ("kind", "result"),
        "Runs that ended since this process was ready: completed, failed or cancelled.",
    ),
    "autolearn_attempts_lost_total": Instrument(
        "counter", (API,), ("kind",), "Attempts whose worker was lost, since the process was ready."
    ),
    # API: the status, collected at most every two seconds
    "autolearn_lag_records": Instrument(
        "gauge",
        (API,),
        ("process", "partition"),
        "Records that a process type has not processed; of decide, unanswered commands.",
    ),
    "autolearn_oldest_command_wait_seconds": Instrument(
        "gauge", (API,), (), "Wait of the oldest unanswered command; 0 without one."
    ),
    "autolearn_process_members": Instrument(
        "gauge", (API,), ("process",), "Processes in the consumer group of a type."
    ),
    "autolearn_workers": Instrument(
        "gauge", (API,), (), "Workers that sent a heartbeat in the last 30 s."
    ),
    "autolearn_slots": Instrument("gauge", (API,), ("state",), "Their slots: busy or free."),
    "autolearn_dead_letters": Instrument("gauge", (API,), (), "All dead letters."),
    "autolearn_dead_letters_open": Instrument(
        "gauge", (API,), (), "Open ones of the newest 200 dead letters."
    ),
    "autolearn_overdue_shreddings": Instrument(
        "gauge",
        (API,),
        ("what",),
        "Sessions whose keys, or artifacts, should have been deleted by now.",
    ),
    "autolearn_under_replicated_partitions": Instrument(
        "gauge", (API,), ("topic",), "Partitions with fewer in-sync replicas than they should have."
    ),
    "autolearn_leaderless_partitions": Instrument(
        "gauge", (API,), ("topic",), "Partitions that cannot be read or written."
    ),
    "autolearn_disk_free_bytes": Instrument(
        "gauge", (API,), ("folder",), "Free bytes on the disk of a folder of this machine."
    ),
    "autolearn_disk_used_bytes": Instrument(
        "gauge", (API,), ("folder",), "Bytes of a folder of this machine; measured every minute."
    ),
    "autolearn_findings": Instrument("gauge", (API,), ("kind",), "Findings of `autolearn status`."),
    # Deciders
    "autolearn_decider_decisions_total": Instrument(
        "counter", (DECIDE,), ("type",), "Events that this process has decided and that count."
    ),
    "autolearn_decider_append_duration_seconds": Instrument(
        "histogram", (DECIDE,), (), "From a decision to its acknowledgement by the brokers."
    ),
    "autolearn_decider_dead_letters_total": Instrument(
        "counter", (DECIDE,), (), "Commands that could not be decoded."
    ),
    "autolearn_decider_fenced_total": Instrument(
        "counter", (DECIDE,), (), "Tenures that ended because another process had taken over."
    ),
    "autolearn_decider_checkpoints_total": Instrument(
        "counter", (DECIDE,), (), "Checkpoints of the chain that were signed and written."
    ),
    "autolearn_decider_checkpoints_failed_total": Instrument(
        "counter", (DECIDE,), (), "Checkpoints that could not be written, to the log or the file."
    ),
    "autolearn_decider_broken_chains": Instrument(
        "gauge", (DECIDE,), (), "Partitions of this process with a broken chain."
    ),
    "autolearn_decider_partitions": Instrument(
        "gauge", (DECIDE,), (), "Partitions that this process decides on."
    ),
    # Dispatch, supervision and work
    "autolearn_dispatch_tasks_total": Instrument(
        "counter", (DISPATCH,), ("kind",), "Attempts offered as tasks."
    ),
    "autolearn_supervise_lost_runs_total": Instrument(
        "counter", (SUPERVISE,), ("kind",), "Runs reported as lost with their worker."
    ),
    "autolearn_shredded_keys_total": Instrument(
        "counter", (SUPERVISE,), (), "Keys of sessions that were shredded."
    ),
    "autolearn_collected_artifacts_total": Instrument(
        "counter", (SUPERVISE,), ("kind",), "Unreferenced artifacts that were deleted."
    ),
    "autolearn_collected_bytes_total": Instrument(
        "counter", (SUPERVISE,), ("kind",), "Bytes of these artifacts."
    ),
    "autolearn_predictions_folded_total": Instrument(
        "counter", (_MONITOR,), (), "Records of the prediction log that this process has counted."
    ),
    "autolearn_predictions_behind": Instrument(
        "gauge", (_MONITOR,), (), "Records of the prediction log that are not counted yet."
    ),
    "autolearn_worker_slots": Instrument(
        "gauge", (WORK,), (), "Runs that this process takes at once."
    ),
    "autolearn_worker_busy_slots": Instrument(
        "gauge", (WORK,), (), "Attempts that it runs or tries to claim."
    ),
    "autolearn_worker_run_duration_seconds": Instrument(
        "histogram",
        (WORK,),
        ("kind", "result"),
        "From the start of an attempt's process to its end: completed, failed, lost or cancelled.",
    ),
}
"""All instruments by name; each process also exposes the process_* ones of the library."""
