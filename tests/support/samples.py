"""One message of every type, and short ways to make them."""

from typing import Any

from msgspec.structs import replace

from autolearn.schemas import commands, events
from autolearn.schemas.catalog import DatasetSpec, EstimatorSpec, MetricSpec
from autolearn.schemas.datasets.labels import RowLabel
from autolearn.schemas.datasets.rules import DataRule, Expectations
from autolearn.schemas.messages import Command, Event, type_of
from autolearn.schemas.models.promotion import GateEvidence, Requirement, VersionMetric
from autolearn.schemas.models.versions import VersionSource
from autolearn.schemas.pipelines.definition import Definition, Parameter, Step
from autolearn.schemas.pipelines.results import StepChange, StepGave, StepOutcome, StepReport
from autolearn.schemas.pipelines.steps import StepParameter, StepSpec
from autolearn.schemas.results import (
    EvaluationResult,
    PipelineResult,
    PredictionResult,
    StepResult,
    StudyResult,
    TrainingResult,
)
from autolearn.schemas.studies.search import Dimension, StudyCandidate, Versus
from autolearn.schemas.training.preprocess import Preprocessing
from autolearn.schemas.values import (
    Column,
    DatasetRef,
    Domain,
    Hyperparameter,
    Split,
    TrainedArtifact,
)
from autolearn.schemas.work_kinds import kind_of_run

SESSION = "session/0b9f7a52-3c1d-4e8e-9a53-6d1f2c7b8e90"
OTHER_SESSION = "session/5c0b9b5e-7a10-4b8e-8f0e-2f4f0a3c1d11"
IRIS = DatasetRef("iris", "a" * 64)
WINE = DatasetRef("wine", "b" * 64)
VERIFIER = "$argon2id$v=19$m=65536,t=3,p=4$c2FsdHNhbHRzYWx0c2FsdA$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXM"
TOKEN = ("0123456789abcdef", "laptop", "d" * 64, "2026-02-01T00:00:00.000Z")
ARTIFACT = TrainedArtifact("d" * 64, {"model.skops": "e" * 64, "schema.json": "f" * 64}, 2048)
ENVIRONMENT = {"python": "3.11.9", "scikit-learn": "1.9.1", "threads": 1}

ESTIMATOR = EstimatorSpec(
    "decision-tree",
    "classification",
    "Asks one question after another.",
    "scikit-learn",
    "1.9.1",
    (
        Hyperparameter("max_depth", None, (Domain("integer", minimum=1.0), Domain("null"))),
        Hyperparameter("criterion", "gini", (Domain("string", choices=("gini", "entropy")),)),
    ),
)
METRIC = MetricSpec("f1", ("classification",), "Precision and recall in one.", "sklearn", "1.9.1")
STEP = StepSpec(
    "select",
    "Keep some columns and rows of a table.",
    parameters=(StepParameter("limit", (Domain("integer", minimum=1.0),), None, "rows that stay"),),
    package="autolearn",
    package_version="0.1.0",
    digest="5" * 64,
)
DATASET = DatasetSpec(
    "iris",
    IRIS.version,
    "csv",
    4551,
    150,
    (Column("petal", "number", 2, 43, 1.0, 6.9), Column("species", "string", distinct=3)),
    "c" * 64,
    target="species",
    task="classification",
    classes={"setosa": 50, "versicolor": 50, "virginica": 50},
    origin="bundled",
    summary="Three kinds of iris — Fisher, 1936.",
)
FLOWERS = replace(DATASET, name="flowers", origin="uploaded")
"""One that a user has uploaded."""


def request_training(run: str = "t1", **fields: Any) -> commands.RequestTraining:
    about: dict[str, Any] = {
        "estimator": "decision-tree",
        "task": "classification",
        "library_version": "1.9.1",
        "dataset": IRIS,
        "target": "species",
        "schema_hash": "c" * 64,
        "hyperparameters": {"max_depth": 3, "criterion": "gini"},
        "split": Split(0.25, stratify=True),
        "preprocessing": Preprocessing(),
        "seed": 42,
        "time_limit": 60.0,
        "memory_limit": 512,
    }
    return commands.RequestTraining(run, **(about | fields))


def request_evaluation(
    run: str = "e1", training: str = "t1", **fields: Any
) -> commands.RequestEvaluation:
    about: dict[str, Any] = {
        "metrics": ("precision", "f1"),
        "dataset": IRIS,
        "held_out": True,
        "time_limit": 60.0,
        "memory_limit": 512,
    }
    return commands.RequestEvaluation(run, training=training, **(about | fields))


def request_prediction(
    run: str = "p1", training: str = "t1", **fields: Any
) -> commands.RequestPrediction:
    about: dict[str, Any] = {
        "dataset": WINE,
        "sent": True,
        "input_columns": ("customer",),
        "time_limit": 60.0,
        "memory_limit": 512,
    }
    return commands.RequestPrediction(run, training=training, **(about | fields))


def request_study(run: str = "s1", **fields: Any) -> commands.RequestStudy:
    space = {
        "max_depth": Dimension(low=1.0, high=32.0, integer=True, log=True),
        "criterion": Dimension(choices=("gini", "entropy")),
    }
    about: dict[str, Any] = {
        "candidates": (StudyCandidate("decision-tree", "1.9.1", {"splitter": "best"}, space),),
        "metric": "f1",
        "maximize": True,
        "sampler": "tpe",
        "trials": 2,
        "parallel": 1,
        "task": "classification",
        "dataset": IRIS,
        "target": "species",
        "schema_hash": "c" * 64,
        "split": Split(0.25, folds=5),
        "preprocessing": Preprocessing(),
        "seed": 42,
        "fold_metrics": ("f1",),
        "budget": 60.0,
        "time_limit": 60.0,
        "memory_limit": 512,
    }
    return commands.RequestStudy(run, **(about | fields))


def training_result(**fields: Any) -> TrainingResult:
    about: dict[str, Any] = {
        "artifact": ARTIFACT,
        "parameters": {"classes_": ["setosa", "versicolor"], "depth": 3},
        "environment": ENVIRONMENT,
        "rows_train": 112,
        "rows_test": 38,
        "fit_seconds": 0.005,
        "seconds": 0.25,
    }
    return TrainingResult(**(about | fields))


def evaluation_result(**fields: Any) -> EvaluationResult:
    about: dict[str, Any] = {
        "results": {"f1": 0.97, "confusion-matrix": {"labels": ["a", "b"], "matrix": [[9, 1]]}},
        "environment": ENVIRONMENT,
        "rows": 38,
        "seconds": 0.125,
    }
    return EvaluationResult(**(about | fields))


def prediction_result(**fields: Any) -> PredictionResult:
    about: dict[str, Any] = {
        "output": TrainedArtifact("9" * 64, {"rows.csv": "8" * 64}, 512),
        "rows": 3,
        "columns": ("customer", "prediction", "probability_setosa"),
        "environment": ENVIRONMENT,
        "seconds": 0.125,
        "counts": {"setosa": 2, "versicolor": 1},
        "unseen": {"colour": 1},
    }
    return PredictionResult(**(about | fields))


def study_result(**fields: Any) -> StudyResult:
    about: dict[str, Any] = {
        "best": "t1",
        "trial": 1,
        "estimator": "decision-tree",
        "hyperparameters": {"max_depth": 3, "splitter": "best"},
        "score": 0.9375,
        "deviation": 0.03125,
        "counts": {"completed": 2},
        "environment": {"libraries": {"optuna": "5.0.0"}},
        "seconds": 2.5,
        "second": Versus("t2", 0, 0.875, 0.0625, 0.25),
        "defaults": Versus("t2", 0, 0.875, 0.0625, 0.25),
        "evaluation": "e1",
        "held_out": {"f1": 0.90625},
    }
    return StudyResult(**(about | fields))


def complete_study(
    run: str = "s1", attempt: int = 1, worker: str = "w1", **fields: Any
) -> commands.CompleteRun:
    return commands.CompleteRun(run, attempt, worker, study_result(**fields))


def complete_training(
    run: str = "t1", attempt: int = 1, worker: str = "w1", **fields: Any
) -> commands.CompleteRun:
    return commands.CompleteRun(run, attempt, worker, training_result(**fields))


def complete_evaluation(
    run: str = "e1", attempt: int = 1, worker: str = "w1", **fields: Any
) -> commands.CompleteRun:
    return commands.CompleteRun(run, attempt, worker, evaluation_result(**fields))


def complete_prediction(
    run: str = "p1", attempt: int = 1, worker: str = "w1", **fields: Any
) -> commands.CompleteRun:
    return commands.CompleteRun(run, attempt, worker, prediction_result(**fields))


def fields_of(message: Command) -> dict[str, Any]:
    return {name: getattr(message, name) for name in message.__struct_fields__}


def training_requested(run: str = "t1", **fields: Any) -> events.TrainingRequested:
    return events.TrainingRequested(**fields_of(request_training(run, **fields)))


def training_completed(
    run: str = "t1", attempt: int = 1, worker: str = "w1", **fields: Any
) -> events.RunCompleted:
    return events.RunCompleted(run, attempt, worker, training_result(**fields))


def evaluation_requested(
    run: str = "e1", training: str = "t1", **fields: Any
) -> events.EvaluationRequested:
    about = {"artifact": ARTIFACT.digest} | fields_of(request_evaluation(run, training)) | fields
    return events.EvaluationRequested(**about)


def import_training(run: str = "t1", **fields: Any) -> commands.ImportTraining:
    about: dict[str, Any] = {
        "estimator": "RandomForestClassifier",
        "task": "classification",
        "library_version": "1.9.1",
        "target": "species",
        "schema_hash": "c" * 64,
        "features": ("petal", "colour ❀"),
        "columns": (Column("petal", "number", minimum=1.0), Column("colour ❀", "string")),
        "result": training_result(),
        "sensitive": ("colour ❀",),
    }
    return commands.ImportTraining(run=run, **(about | fields))


def training_imported(run: str = "t1", **fields: Any) -> events.TrainingImported:
    return events.TrainingImported(**fields_of(import_training(run, **fields)))


def evaluation_completed(
    run: str = "e1", attempt: int = 1, worker: str = "w1", **fields: Any
) -> events.RunCompleted:
    return events.RunCompleted(run, attempt, worker, evaluation_result(**fields))


def prediction_requested(
    run: str = "p1", training: str = "t1", **fields: Any
) -> events.PredictionRequested:
    about = {"artifact": ARTIFACT.digest} | fields_of(request_prediction(run, training)) | fields
    return events.PredictionRequested(**about)


def prediction_completed(
    run: str = "p1", attempt: int = 1, worker: str = "w1", **fields: Any
) -> events.RunCompleted:
    return events.RunCompleted(run, attempt, worker, prediction_result(**fields))


def study_requested(run: str = "s1", **fields: Any) -> events.StudyRequested:
    return events.StudyRequested(**(fields_of(request_study(run)) | fields))


def study_completed(
    run: str = "s1", attempt: int = 1, worker: str = "w1", **fields: Any
) -> events.RunCompleted:
    return events.RunCompleted(run, attempt, worker, study_result(**fields))


def register_version(training: str = "t1", **fields: Any) -> commands.RegisterVersion:
    source = VersionSource(
        estimator="random-forest",
        task="classification",
        target="species",
        library_version="1.9.1",
        dataset=IRIS,
        artifact=ARTIFACT,
        schema_hash="c" * 64,
        metrics={"f1": 0.95},
        evaluation="e1",
    )
    experiment = fields.pop("experiment", SESSION.partition("/")[2])
    return commands.RegisterVersion(
        experiment=experiment, training=training, source=source, **fields
    )


def version_imported(number: int = 1, artifact: TrainedArtifact = ARTIFACT, note: str = "") -> Any:
    """A version that was made elsewhere: without experiment and training."""
    source = replace(register_version().source, dataset=DatasetRef("", ""), artifact=artifact)
    return events.VersionRegistered(number=number, source=source, note=note)


def version_registered(
    number: int = 1, training: str = "t1", **fields: Any
) -> events.VersionRegistered:
    about = fields_of(register_version(training, **({"note": "The first ❀"} | fields)))
    return events.VersionRegistered(number=number, **about)


EVIDENCE = GateEvidence(
    Requirement("f1", ">=", "champion", 0.01),
    VersionMetric(2, "e2", 0.97, IRIS, "9" * 64),
    VersionMetric(1, "e1", 0.95, IRIS, "9" * 64),
)


ERASED = "01a21c30-4e95-7a2e-a93e-0bb0c69f394d:0,3@17"
TRAFFIC: dict[str, Any] = {
    "routes": {"champion": 90, "challenger": 10},
    "sticky": "customer ❀",
    "salt": "flowers",
    "guards": ("errors <= 1% over 200", "p99 <= 50 ms over 1000"),
    "reason": "To learn ❀",
}


DEFINITION = Definition(
    name="flowers",
    steps=(
        Step(name="source", kind="source", parameters={"dataset": "flowers"}),
        Step(
            name="large",
            kind="select",
            parameters={"where": "petal > ${above}"},
            inputs=("source",),
            keep_as="dataset:large",
            attempts=2,
        ),
    ),
    summary="Large petals ❀",
    parameters={"above": Parameter("number", 2.5, minimum=1.0)},
    seed=7,
    keep="last 3",
)
STEP_FILES = TrainedArtifact("6" * 64, {"table.parquet": "7" * 64, "report.json": "8" * 64}, 1024)
STEP_TABLE = replace(
    FLOWERS,
    name="flowers/large",
    version="7" * 64,
    format="parquet",
    rows=61,
    folder=STEP_FILES.digest,
)
REPORT = StepReport(
    (150,), 61, (StepChange("removed", "petal ≤ 2.5", 89, "petal", ({"petal": 1.4},)),), ("Few ❀",)
)


def request_pipeline(run: str = "r1", **fields: Any) -> commands.RequestPipeline:
    about: dict[str, Any] = {
        "pipeline_version": 1,
        "definition": DEFINITION,
        "parameters": {"above": 2.5},
        "sources": {"source": FLOWERS},
        "start_at": "large",
        "no_cache": True,
        "max_attempts": 20,
        "time_limit": 3600.0,
        "memory_limit": 512,
    }
    return commands.RequestPipeline(run=run, **(about | fields))


def request_step(run: str = "k1", pipeline_run: str = "r1", **fields: Any) -> commands.RequestStep:
    about: dict[str, Any] = {
        "step": "large",
        "function": "select",
        "package": "autolearn",
        "package_version": "0.1.0",
        "digest": "5" * 64,
        "parameters": {"where": "petal > 2.5"},
        "tables": (FLOWERS,),
        "seed": 7,
        "artifact": "d" * 64,
        "artifact_keyid": "k" * 8,
        "network": True,
        "time_limit": 60.0,
        "memory_limit": 512,
    }
    return commands.RequestStep(run=run, pipeline_run=pipeline_run, **(about | fields))


def step_result(**fields: Any) -> StepResult:
    about: dict[str, Any] = {
        "artifact": STEP_FILES,
        "report": REPORT,
        "environment": ENVIRONMENT,
        "seconds": 0.125,
        "table": STEP_TABLE,
        "cpu_seconds": 0.0625,
    }
    return StepResult(**(about | fields))


def outcome(step: str = "large", **fields: Any) -> StepOutcome:
    gave = StepGave(table=STEP_TABLE, artifact=STEP_FILES, report=REPORT, notes=("Few ❀",))
    about: dict[str, Any] = {
        "kind": "select",
        "status": "completed",
        "gave": gave,
        "key": "3" * 64,
        "inputs": {"code": "5" * 64, "input:source": "a" * 64},
        "why": "it starts here",
        "seconds": 0.25,
    }
    return StepOutcome(step=step, **(about | fields))


def complete_step(
    run: str = "k1", attempt: int = 1, worker: str = "w1", **fields: Any
) -> commands.CompleteRun:
    return commands.CompleteRun(run, attempt, worker, step_result(**fields))


PIPELINE_RESULT = PipelineResult({"completed": 2}, 0.5, SESSION.partition("/")[2], committed=True)


def complete_pipeline(
    run: str = "r1", attempt: int = 1, worker: str = "w1"
) -> commands.CompleteRun:
    return commands.CompleteRun(run, attempt, worker, PIPELINE_RESULT)


def pipeline_requested(run: str = "r1", **fields: Any) -> events.PipelineRequested:
    return events.PipelineRequested(**fields_of(request_pipeline(run, **fields)))


def step_requested(
    run: str = "k1", pipeline_run: str = "r1", **fields: Any
) -> events.StepRequested:
    return events.StepRequested(**fields_of(request_step(run, pipeline_run, **fields)))


def step_completed(run: str = "k1", attempt: int = 1, worker: str = "w1") -> events.RunCompleted:
    return events.RunCompleted(run, attempt, worker, step_result())


def pipeline_completed(
    run: str = "r1", attempt: int = 1, worker: str = "w1"
) -> events.RunCompleted:
    return events.RunCompleted(run, attempt, worker, PIPELINE_RESULT)


def by_type(*messages: Any) -> dict[str, Any]:
    """Messages by what their golden files are called: their type, and of a result its kind."""
    return {name_of(message): message for message in messages}


def name_of(message: Any) -> str:
    kind = kind_of_run(message.result) if hasattr(message, "result") else "training"
    return type_of(type(message)) + ("" if kind == "training" else f"-{kind}")


LABELS = (RowLabel(0, "setosa ❀"), RowLabel(5, "versicolor"))
EXPECTED = Expectations(
    (
        DataRule(kind="range", columns=("petal ❀",), minimum=0.0, maximum=7.5),
        DataRule(
            kind="known", severity="soft", columns=("species",), values=("setosa ❀", "versicolor")
        ),
        DataRule(kind="relation", columns=("petal ❀",), operator="<=", others=("sepal",)),
        DataRule(kind="rows", minimum=100.0),
    )
)

COMMANDS: dict[str, Command] = by_type(
    commands.RegisterEstimator(ESTIMATOR),
    commands.RegisterMetric(METRIC),
    commands.RegisterStep(STEP),
    commands.RegisterDataset(DATASET),
    commands.ShareDataset("grace", "write"),
    commands.UnshareDataset("grace"),
    commands.DeleteDataset(),
    commands.LabelRows("9" * 64, "species", 7, 2, LABELS),
    commands.ExpectDataset(1, EXPECTED),
    commands.OpenSession("Irises ❀"),
    commands.RenameSession("Irises, again ❀"),
    commands.AnnotateSession("t1", "Petals matter ❀", ("flowers",), ("old",), {"cost": 0.5}),
    commands.CommitSession(("t1", "t2")),
    commands.DiscardSession(),
    commands.ProposeExpiry(2, "2026-01-02T12:00:00.000Z"),
    commands.ExpireSession(2, "2026-01-02T12:00:00.000Z"),
    commands.KeepSession(),
    commands.DeleteExperiment(),
    commands.ShareSession("grace"),
    commands.UnshareSession("grace"),
    commands.AddUser("user", VERIFIER),
    commands.SetRole("sysadmin"),
    commands.SetPassword(VERIFIER),
    commands.DisableUser(),
    commands.EnableUser(),
    commands.IssueToken(*TOKEN),
    commands.RevokeToken(TOKEN[0]),
    commands.RevokeTokens(TOKEN[0]),
    commands.SetQuota("sessions", 10),
    commands.CreateGroup(),
    commands.AddMember("grace"),
    commands.RemoveMember("grace"),
    commands.DeleteGroup(),
    register_version(),
    commands.RetireVersion(1, "It drifts ❀"),
    commands.SetAlias("candidate", 2),
    commands.Promote(2, "champion", (EVIDENCE,), "It is better ❀"),
    commands.RollBack("champion", "It was not ❀"),
    commands.SetTraffic(**TRAFFIC),
    commands.SetRecording("fast"),
    commands.ErasePredictions(ERASED, "She asked ❀"),
    commands.SetShadow("challenger", "To compare ❀"),
    commands.AddCase({"petal_length": 1.4, "colour": "❀", "seen": None}, "small ❀", "setosa"),
    commands.RemoveCase(1),
    commands.RollBackTraffic(1, 2, "errors <= 1% over 200", 3, 57),
    commands.ShareModel("group/churn", "predict"),
    commands.UnshareModel("group/churn"),
    commands.DeleteModel(),
    commands.HoldExperiment("flowers", "2026-01-02T12:00:00.000Z"),
    commands.ReleaseExperiment("flowers"),
    request_training(),
    import_training(),
    request_evaluation(),
    request_prediction(),
    request_study(),
    commands.ApplyPipeline(DEFINITION, "pipeline: flowers ❀", "The first ❀"),
    commands.RemovePipeline(),
    commands.SharePipeline("group/churn", "write"),
    commands.UnsharePipeline("group/churn"),
    request_pipeline(),
    request_step(),
    commands.RecordStep("r1", outcome()),
    commands.ForgetRuns(("r2",)),
    commands.StartRun("t1", 1, "w1"),
    complete_training(),
    complete_evaluation(),
    complete_prediction(),
    complete_study(),
    complete_step(),
    complete_pipeline(),
    commands.FailRun("t1", 1, "w1", "memory", "It needed more than 512 MiB."),
    commands.CancelRun("t1"),
    commands.ReportRunLost("t1", 1, "w1"),
)

EVENTS: dict[str, Event] = by_type(
    events.TermStarted("decide-0-0123456789ab"),
    events.Refused("run-unknown", "The session has no training t1."),
    events.CommandFailed("ZeroDivisionError: division by zero"),
    events.CommandQuarantined("no decider came further"),
    events.EstimatorRegistered(ESTIMATOR),
    events.MetricRegistered(METRIC),
    events.StepRegistered(STEP),
    events.DatasetRegistered(DATASET),
    events.DatasetShared("grace", "write"),
    events.DatasetUnshared("grace"),
    events.DatasetDeleted(),
    events.RowsLabelled("9" * 64, "species", 7, 2, LABELS),
    events.DatasetExpected(1, EXPECTED),
    events.SessionOpened("Irises ❀"),
    events.SessionRenamed("Irises, again ❀"),
    events.SessionAnnotated("t1", "Petals matter ❀", ("flowers",), ("old",), {"cost": 0.5}),
    events.SessionCommitted(("t1", "t2"), ("t3",)),
    events.SessionDiscarded(("t1",)),
    events.SessionExpiring("2026-01-02T12:00:00.000Z"),
    events.SessionKept(),
    events.SessionExpired(),
    events.ExperimentDeleted(),
    events.SessionShared("grace"),
    events.SessionUnshared("grace"),
    events.UserAdded("user", VERIFIER),
    events.RoleSet("sysadmin"),
    events.PasswordSet(VERIFIER),
    events.UserDisabled(),
    events.UserEnabled(),
    events.TokenIssued(*TOKEN),
    events.TokenRevoked(TOKEN[0]),
    events.TokensRevoked(TOKEN[0]),
    events.QuotaSet("sessions", 10),
    events.GroupCreated("ada"),
    events.MemberAdded("grace"),
    events.MemberRemoved("grace"),
    events.GroupDeleted(),
    version_registered(),
    events.VersionRetired(1, "It drifts ❀"),
    events.AliasSet("candidate", 2),
    events.VersionPromoted(2, "champion", 1, (EVIDENCE,), "It is better ❀"),
    events.VersionRolledBack(1, "champion", 2, "It was not ❀"),
    events.TrafficSet(revision=1, **TRAFFIC),
    events.RecordingSet("fast"),
    events.PredictionsErased(ERASED, "She asked ❀"),
    events.ShadowSet("challenger", "To compare ❀"),
    events.CaseAdded(1, {"petal_length": 1.4, "colour": "❀", "seen": None}, "small ❀", "setosa"),
    events.CaseRemoved(1),
    events.TrafficRolledBack(1, 2, "errors <= 1% over 200", 3, 57),
    events.ModelShared("group/churn", "predict"),
    events.ModelUnshared("group/churn"),
    events.ModelDeleted(),
    events.ExperimentHeld("flowers", "2026-01-02T12:00:00.000Z"),
    events.ExperimentReleased("flowers"),
    training_requested(),
    training_imported(),
    evaluation_requested(),
    prediction_requested(),
    study_requested(),
    events.PipelineApplied(1, DEFINITION, "pipeline: flowers ❀", "The first ❀"),
    events.PipelineRemoved(("r1",)),
    events.PipelineShared("group/churn", "write"),
    events.PipelineUnshared("group/churn"),
    pipeline_requested(),
    step_requested(),
    events.StepRecorded("r1", outcome()),
    events.RunsForgotten(("r2",)),
    events.RunStarted("t1", 1, "w1"),
    training_completed(),
    evaluation_completed(),
    prediction_completed(),
    study_completed(),
    step_completed(),
    pipeline_completed(),
    events.RunFailed("t1", 1, "w1", "memory", "It needed more than 512 MiB."),
    events.RunCancelled("t1"),
    events.RunLost("t1", 2, "w1"),
)
