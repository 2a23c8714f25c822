"""Every metric for Prometheus: its kind, labels and meaning, and which process types expose it.

Names follow https://prometheus.io/docs/practices/naming/: base units (seconds, bytes), counters end
in _total. docs/operations.md has the same table with what to alert on; a test compares them.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

__all__ = ["ALL_TYPES", "METRICS", "Metric"]

API, DECIDE, DISPATCH, SUPERVISE, WORK = "api", "decide", "dispatch", "supervise", "work"
ALL_TYPES = (API, DECIDE, DISPATCH, SUPERVISE, WORK)
"""The process types that have metrics."""


class Metric(NamedTuple):
    """A metric for Prometheus. `where` are the process types that expose it."""

    kind: Literal["counter", "gauge", "histogram"]
    where: tuple[str, ...]
    labels: tuple[str, ...]
    what: str


METRICS: dict[str, Metric] = {
    "autolearn_build_info": Metric(
        "gauge", ALL_TYPES, ("version",), "Always 1; the label says which version runs."
    ),
    # API: what clients see
    "autolearn_http_requests_total": Metric(
        "counter", (API,), ("method", "route", "status"), "HTTP requests, by the route's template."
    ),
    "autolearn_http_request_duration_seconds": Metric(
        "histogram",
        (API,),
        ("method", "route"),
        "From a request to the end of its answer, waits of Prefer included, event streams not.",
    ),
    "autolearn_command_duration_seconds": Metric(
        "histogram",
        (API,),
        ("answer",),
        "From sending a command to its answer in the read models, while a client waits for it; "
        "by accepted, refused or failed.",
    ),
    "autolearn_sse_clients": Metric("gauge", (API,), (), "Open event streams."),
    "autolearn_ready": Metric(
        "gauge", (API,), (), "1 when this process has caught up and Kafka answers."
    ),
    # API: what presses on it
    "autolearn_waiting_requests": Metric(
        "gauge", (API,), ("sort",), "Requests that are worked on."
    ),
    "autolearn_waiting_bytes": Metric(
        "gauge", (API,), (), "Bytes of the bodies of requests that are worked on."
    ),
    "autolearn_appends": Metric("gauge", (API,), (), "Commands on their way to Kafka."),
    "autolearn_appends_bytes": Metric(
        "gauge", (API,), (), "Bytes of the commands on their way to Kafka."
    ),
    "autolearn_undecided": Metric(
        "gauge",
        (API,),
        ("partition",),
        "Commands up to the newest of this process that wait for their decision.",
    ),
    "autolearn_stale_seconds": Metric(
        "gauge", (API,), (), "Age of the read models while Kafka does not answer; else 0."
    ),
    "autolearn_cut_followers_total": Metric(
        "counter", (API,), (), "Clients that were cut because they took nothing of their stream."
    ),
    "autolearn_audit_available": Metric(
        "gauge", (API,), (), "1 when the behaviour log can be written; else nothing is changed."
    ),
    "autolearn_audit_pending": Metric(
        "gauge", (API,), (), "Records of the behaviour log on their way to Kafka."
    ),
    "autolearn_audit_lost_total": Metric(
        "counter", (API,), (), "Records of the behaviour log that could not be written."
    ),
    # API: what the log says
    "autolearn_decisions_total": Metric(
        "counter", (API,), ("type",), "Events seen on the log since this process was ready."
    ),
    "autolearn_position": Metric(
        "gauge", (API,), ("partition",), "Offset of `events` that this process folds next."
    ),
    "autolearn_term": Metric(
        "gauge",
        (API,),
        ("partition",),
        "Term of a partition's decider: rises when that changes.",
    ),
    "autolearn_runs": Metric(
        "gauge", (API,), ("kind", "state"), "Runs that have not ended: waiting or running."
    ),
    "autolearn_runs_ended_total": Metric(
        "counter",
        (API,),
        ("kind", "result"),
        "Runs that ended since this process was ready: completed, failed or cancelled.",
    ),
    "autolearn_attempts_lost_total": Metric(
        "counter", (API,), ("kind",), "Attempts whose worker was lost, since the process was ready."
    ),
    # API: what the status says, looked up at most every two seconds
    "autolearn_lag_records": Metric(
        "gauge",
        (API,),
        ("process", "partition"),
        "Records on the log that a process type has not taken in; of decide, unanswered commands.",
    ),
    "autolearn_oldest_command_wait_seconds": Metric(
        "gauge", (API,), (), "How long the oldest unanswered command has waited; 0 without one."
    ),
    "autolearn_process_members": Metric(
        "gauge", (API,), ("process",), "Processes in the consumer group of a type."
    ),
    "autolearn_workers": Metric("gauge", (API,), (), "Workers heard of in the last 30 s."),
    "autolearn_slots": Metric("gauge", (API,), ("state",), "Their slots: busy or free."),
    "autolearn_dead_letters": Metric("gauge", (API,), (), "Dead letters, all of them."),
    "autolearn_dead_letters_open": Metric(
        "gauge", (API,), (), "Those of the newest 200 that were not put back and answered."
    ),
    "autolearn_overdue_shreddings": Metric(
        "gauge",
        (API,),
        ("what",),
        "Of sessions that are not kept: those whose keys, and models, should be gone by now.",
    ),
    "autolearn_under_replicated_partitions": Metric(
        "gauge", (API,), ("topic",), "Partitions with fewer copies in sync than they should have."
    ),
    "autolearn_leaderless_partitions": Metric(
        "gauge", (API,), ("topic",), "Partitions that cannot be read or written."
    ),
    "autolearn_disk_free_bytes": Metric(
        "gauge", (API,), ("folder",), "Free on the disk of a folder of this machine."
    ),
    "autolearn_disk_used_bytes": Metric(
        "gauge", (API,), ("folder",), "Taken by a folder of this machine; looked at every minute."
    ),
    "autolearn_findings": Metric(
        "gauge", (API,), ("kind",), "What needs attention, as `autolearn status` says it."
    ),
    # Deciders
    "autolearn_decider_decisions_total": Metric(
        "counter", (DECIDE,), ("type",), "Events that this process has decided and that count."
    ),
    "autolearn_decider_append_duration_seconds": Metric(
        "histogram", (DECIDE,), (), "From a decision to its acknowledgement by the brokers."
    ),
    "autolearn_decider_dead_letters_total": Metric(
        "counter", (DECIDE,), (), "Commands that could not be decoded."
    ),
    "autolearn_decider_fenced_total": Metric(
        "counter", (DECIDE,), (), "Tenures that ended because another process had taken over."
    ),
    "autolearn_decider_checkpoints_total": Metric(
        "counter", (DECIDE,), (), "Checkpoints of the chain that were signed and written."
    ),
    "autolearn_decider_checkpoints_failed_total": Metric(
        "counter", (DECIDE,), (), "Checkpoints that could not be written, to the log or the file."
    ),
    "autolearn_decider_broken_chains": Metric(
        "gauge", (DECIDE,), (), "Partitions of this process whose chain was found broken."
    ),
    "autolearn_decider_partitions": Metric(
        "gauge", (DECIDE,), (), "Partitions that this process decides on."
    ),
    # Dispatch, supervision and work
    "autolearn_dispatch_tasks_total": Metric(
        "counter", (DISPATCH,), ("kind",), "Attempts handed out as tasks."
    ),
    "autolearn_supervise_lost_runs_total": Metric(
        "counter", (SUPERVISE,), ("kind",), "Runs reported as lost with their worker."
    ),
    "autolearn_shredded_keys_total": Metric(
        "counter", (SUPERVISE,), (), "Keys of sessions that were shredded."
    ),
    "autolearn_collected_artifacts_total": Metric(
        "counter", (SUPERVISE,), ("kind",), "Artifacts that nothing referred to and were deleted."
    ),
    "autolearn_collected_bytes_total": Metric(
        "counter", (SUPERVISE,), ("kind",), "Bytes of these artifacts."
    ),
    "autolearn_worker_slots": Metric("gauge", (WORK,), (), "Runs that this process takes at once."),
    "autolearn_worker_busy_slots": Metric(
        "gauge", (WORK,), (), "Attempts that it works on, or tries to claim."
    ),
    "autolearn_worker_run_duration_seconds": Metric(
        "histogram",
        (WORK,),
        ("kind", "result"),
        "From the start of an attempt's process to its end: completed, failed, lost or cancelled.",
    ),
}
"""All metrics by name; beside them each process exposes the process_* metrics of the library."""
