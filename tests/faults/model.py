"""The rules of a session, written a second time: from docs, with dicts, and without our code.

It answers with the type of the event, and with the reason of a refusal.
"""

from __future__ import annotations

from typing import Any

ACTIVE = ("open", "started")
OF_PIPELINES = (
    *("ApplyPipeline", "RequestPipeline", "RequestStep", "RecordStep"),
    *("StartRun", "CompleteRun", "FailRun", "CancelRun", "ReportRunLost"),
)


class Model:
    """The streams of one partition, as deciding their commands one by one leaves them."""

    def __init__(self) -> None:
        self.sessions: dict[str, dict[str, Any]] = {}
        self.offers: dict[str, Any] = {}
        self.models: dict[str, dict[str, Any]] = {}
        self.pipelines: dict[str, dict[str, Any]] = {}

    def answer(
        self, subject: str, kind: str, data: dict[str, Any], actor: str = ""
    ) -> tuple[str, str]:
        """Decide a command: `kind` is its name without prefix and version."""
        if subject.startswith("pipeline/"):
            return self.pipeline(subject, kind, data, actor)
        if subject.startswith("model/"):
            return self.registry(subject, kind, data)
        if not subject.startswith("session/"):
            return self.offer(subject, kind, data)
        session = self.sessions.get(subject)
        if session is None:
            if kind != "OpenSession":
                return "Refused", "session-unknown"
            self.sessions[subject] = {"status": "open", "runs": {}}
            return "SessionOpened", ""
        runs = session["runs"]
        if kind == "RenameSession" and session["status"] in ("open", "committed"):
            return "SessionRenamed", ""
        if session["status"] == "committed":
            if kind == "HoldExperiment":
                return "ExperimentHeld", ""
            if kind in ("RequestEvaluation", "RequestPrediction"):
                return self.request(runs, kind.removeprefix("Request").lower(), data)
            if data.get("run") not in runs or kind.startswith("Request"):
                return "Refused", "session-committed"
            return self.step(runs, kind, data)
        if session["status"] != "open":
            return "Refused", f"session-{session['status']}"
        match kind:
            case "OpenSession":
                return "Refused", "session-exists"
            case "DiscardSession":
                session["status"] = "discarded"
                return "SessionDiscarded", ""
            case "CommitSession":
                return self.commit(session, data)
            case "RequestTraining" | "RequestEvaluation" | "RequestPrediction" | "RequestStudy":
                kind = kind.removeprefix("Request").lower()
                return self.request(session["runs"], kind, data)
            case _:
                return self.step(session["runs"], kind, data)

    def offer(self, subject: str, kind: str, data: dict[str, Any]) -> tuple[str, str]:
        if f"Register{subject.partition('/')[0].title()}" != kind:
            return "Refused", "wrong-stream"
        known, spec = self.offers.get(subject), data["spec"]
        if subject.startswith("dataset/"):  # its owner may register any version, workers one alone
            unchanged = known is not None and spec.get("origin") == "bundled"
        else:
            unchanged = known == spec
        if unchanged:
            return "Refused", "unchanged"
        self.offers[subject] = data["spec"]
        return f"{kind.removeprefix('Register')}Registered", ""

    def registry(self, subject: str, kind: str, data: dict[str, Any]) -> tuple[str, str]:
        """Decide a command to a model, of those that are given while faults are injected."""
        if subject not in self.models and kind != "RegisterVersion":
            return "Refused", "model-unknown"
        made = {"versions": 0, "recording": "durable", "trainings": set()}
        model = self.models.setdefault(subject, made)
        if kind == "RegisterVersion":
            if data["training"] in model["trainings"]:
                return "Refused", "already-registered"
            model["trainings"].add(data["training"])
            model["versions"] += 1
            return "VersionRegistered", ""
        if kind == "SetRecording":
            if model["recording"] == data["recording"]:
                return "Refused", "recording-unchanged"
            model["recording"] = data["recording"]
            return "RecordingSet", ""
        if data["number"] > model["versions"]:
            return "Refused", "version-unknown"
        if model.get("champion") == data["number"]:
            return "Refused", "alias-unchanged"
        model["champion"] = data["number"]
        return "VersionPromoted", ""

    def pipeline(
        self, subject: str, kind: str, data: dict[str, Any], actor: str
    ) -> tuple[str, str]:
        """Decide a command to a pipeline: its runs, and those of their steps."""
        if kind not in OF_PIPELINES:
            return "Refused", "wrong-stream"
        runs = self.pipelines.get(subject)
        if kind == "ApplyPipeline":
            self.pipelines.setdefault(subject, {})
            return "PipelineApplied", ""
        if runs is None:
            return "Refused", "pipeline-unknown"
        if kind in ("RequestStep", "RecordStep"):
            of = runs.get(data["pipeline_run" if kind == "RequestStep" else "run"])
            if of is None or of["kind"] != "pipeline" or actor != f"worker {of['worker']}":
                return "Refused", "forbidden"
            if kind == "RequestStep" and data["run"] in runs:
                return "Refused", "run-exists"
            if of["status"] not in ACTIVE:
                return "Refused", "run-ended"
            if kind == "RecordStep":
                return "StepRecorded", ""
        if kind.startswith("Request"):
            return self.request(runs, kind.removeprefix("Request").lower(), data)
        return self.step(runs, kind, data)

    def commit(self, session: dict[str, Any], data: dict[str, Any]) -> tuple[str, str]:
        runs, chosen = session["runs"], data.get("trainings")
        done = [
            n for n, r in runs.items() if r["kind"] == "training" and r["status"] == "completed"
        ]
        for name in chosen or ():
            if name not in runs or runs[name]["kind"] != "training":
                return "Refused", "training-unknown"
            if name not in done:
                return "Refused", "training-incomplete"
        going = [run for run in runs.values() if run["status"] in ACTIVE]
        if chosen is not None:
            going = [run for run in going if run["of"] in chosen]
        if going:
            return "Refused", "run-active"
        if not (done if chosen is None else chosen):
            return "Refused", "nothing-to-commit"
        kept = done if chosen is None else chosen
        session["status"] = "committed"
        session["runs"] = {
            name: run
            for name, run in runs.items()
            if name in kept or (run["of"] in kept and run["status"] == "completed")
        }
        return "SessionCommitted", ""

    def request(self, runs: dict[str, Any], kind: str, data: dict[str, Any]) -> tuple[str, str]:
        if data["run"] in runs:
            return "Refused", "run-exists"
        if kind in ("evaluation", "prediction"):
            training = runs.get(data["training"])
            if training is None or training["kind"] != "training":
                return "Refused", "training-unknown"
            if training["status"] != "completed":
                return "Refused", "training-incomplete"
        runs[data["run"]] = {
            "kind": kind,
            "status": "open",
            "attempt": 1,
            "worker": "",
            "most": data.get("max_attempts", 3),
            "of": data.get("training", ""),
        }
        return f"{kind.title()}Requested", ""

    def step(self, runs: dict[str, Any], command: str, data: dict[str, Any]) -> tuple[str, str]:
        """Decide a command about a run."""
        run = runs.get(data["run"])
        if run is None:
            return "Refused", "run-unknown"
        if run["status"] not in ACTIVE:
            return "Refused", "run-ended"
        if command == "CancelRun":
            run["status"] = "cancelled"
            return "RunCancelled", ""
        if command == "StartRun":
            if data["attempt"] != run["attempt"]:
                return "Refused", "attempt-over"
            if run["status"] == "started":
                return "Refused", "attempt-taken"
            run |= {"status": "started", "worker": data["worker"]}
            return "RunStarted", ""
        held = ("started", run["attempt"], run["worker"])
        if held != (run["status"], data["attempt"], data["worker"]):
            return "Refused", "attempt-over"
        if command == "CompleteRun":
            if data["result"]["kind"] != run["kind"]:
                return "Refused", "result-unfit"
            run["status"] = "completed"
            return "RunCompleted", ""
        if command == "ReportRunLost" and run["attempt"] < run["most"]:
            run |= {"status": "open", "attempt": run["attempt"] + 1, "worker": ""}
            return "RunLost", ""
        run["status"] = "failed"
        return "RunFailed", ""
