"""Random histories: commands as nobody would send them, and what the deciders make of them."""

import json
from random import Random

from msgspec import UNSET

from autolearn.agents.command_handling.decision import AppendFence, decide
from autolearn.agents.command_handling.state_store import Stream, decider_of
from autolearn.agents.deciders.specification import entitled
from autolearn.schemas import commands
from autolearn.schemas.codec import CommandRecord, EventRecord, decode_command, encode, raw
from autolearn.schemas.messages import Command, type_of
from autolearn.schemas.models.promotion import GateEvidence, Requirement, VersionMetric
from autolearn.schemas.stream_kinds import KINDS
from tests.support import log_checker, samples

STREAMS = (
    samples.SESSION,
    samples.OTHER_SESSION,
    "estimator/decision-tree",
    "dataset/flowers",
    "user/ada",
    "group/churn",
    "model/flowers",
    "pipeline/flowers",
)
GUARD = "errors <= 1% over 200"
TRAININGS, EVALUATIONS, PREDICTIONS = ("t1", "t2"), ("e1",), ("p1",)


def random_command(random: Random, stream: str) -> Command:
    """A command that the stream's decider knows; many of them will be refused."""
    match stream.partition("/")[0]:
        case "estimator":
            return commands.RegisterEstimator(samples.ESTIMATOR)
        case "dataset":
            label = commands.LabelRows("9" * 64, "species", 7, 2, samples.LABELS)
            expect = commands.ExpectDataset(1, samples.EXPECTED)
            return random.choice((commands.RegisterDataset(samples.FLOWERS), label, expect))
        case "user":
            return random_user_command(random)
        case "group":
            return random_group_command(random)
        case "model":
            return random_model_command(random)
        case "pipeline":
            return random_pipeline_command(random)
    attempt, worker = random.choice((1, 1, 1, 1, 2)), random.choice(("w1", "w1", "w1", "w2"))
    training, evaluation = random.choice(TRAININGS), random.choice(EVALUATIONS)
    (prediction,) = PREDICTIONS
    makers = (
        (4, lambda: commands.OpenSession(random.choice(("", "Irises ❀", "\x00")))),
        (1, lambda: commands.OpenSession("Irises ❀", pipeline="flowers")),
        (1, lambda: commands.RenameSession("Roses")),
        (1.5, lambda: commands.AnnotateSession(random.choice(("", *TRAININGS)), "Petals")),
        (6, lambda: commands.CommitSession(random.choice((None, (), ("t1",), ("t2",), ("t9",))))),
        (0.4, commands.DiscardSession),
        (1, lambda: commands.ProposeExpiry(random.choice((0, 1)), "b")),
        (2, lambda: commands.ExpireSession(random.choice((0, 1)), random.choice("abc"))),
        (1, commands.KeepSession),
        (0.5, commands.DeleteExperiment),
        (0.5, lambda: commands.HoldExperiment("flowers", random.choice(("", "z")))),
        (0.5, lambda: commands.ReleaseExperiment("flowers")),
        (0.5, lambda: commands.ShareSession(random.choice(("ada", "grace")))),
        (0.5, lambda: commands.UnshareSession(random.choice(("ada", "grace")))),
        (8, lambda: request_training(random, training)),
        (1, lambda: samples.import_training(training)),
        (10, lambda: commands.StartRun(training, attempt, worker)),
        (10, lambda: samples.complete_training(training, attempt, worker)),
        (2, lambda: commands.FailRun(training, attempt, worker, "raised", "ValueError")),
        (1, lambda: commands.CancelRun(training)),
        (3, lambda: commands.ReportRunLost(training, attempt, worker)),
        (4, lambda: samples.request_evaluation(evaluation, training)),
        (6, lambda: commands.StartRun(evaluation, attempt, worker)),
        (4, lambda: samples.complete_evaluation(evaluation, attempt, worker)),
        (3, lambda: commands.FailRun(evaluation, attempt, worker, "time", "…")),
        (1, lambda: commands.CancelRun(evaluation)),
        (1.5, lambda: samples.request_prediction(prediction, training)),
        (2, lambda: commands.StartRun(prediction, attempt, worker)),
        (1.5, lambda: samples.complete_prediction(prediction, attempt, worker)),
        (0.3, lambda: samples.request_study("s1")),
        (0.3, lambda: commands.StartRun("s1", attempt, worker)),
        (0.3, lambda: samples.complete_study("s1", attempt, worker)),
        (3, lambda: commands.ReportRunLost(evaluation, attempt, worker)),
    )
    (make,) = random.choices([m for _, m in makers], [weight for weight, _ in makers])
    return make()


def random_user_command(random: Random) -> Command:
    token = random.choice(("0" * 16, "1" * 16))
    role = random.choice(("user", "sysadmin"))
    quota = commands.SetQuota("sessions", 7 if role == "user" else None)
    return random.choice(
        (
            commands.AddUser(role, samples.VERIFIER),
            commands.SetRole(random.choice(("user", "sysadmin"))),
            commands.SetPassword(random.choice((samples.VERIFIER, samples.VERIFIER[::-1]))),
            commands.DisableUser(),
            commands.EnableUser() if token == "0" * 16 else quota,
            commands.IssueToken(token, "", "d" * 64),
            commands.RevokeToken(token),
            commands.RevokeTokens(random.choice(("", token))),
        )
    )


def random_group_command(random: Random) -> Command:
    user = random.choice(("ada", "grace", "lise"))
    makers = (commands.CreateGroup, commands.DeleteGroup)
    makers += (lambda: commands.AddMember(user), lambda: commands.RemoveMember(user))
    return random.choices(makers, (4, 1, 8, 4))[0]()


def random_model_command(random: Random) -> Command:
    number, alias = random.choice((1, 1, 2, 2, 3)), random.choice(("champion", "second"))
    metric = VersionMetric(number, "e1", 0.9, samples.IRIS, "9" * 64)
    enough = GateEvidence(Requirement("f1", ">=", plus=random.choice((0.8, 0.95))), metric)
    makers = (
        (6, lambda: samples.register_version(random.choice(("t1", "t2", "t3")))),
        (2, lambda: commands.RetireVersion(number, "Old")),
        (3, lambda: commands.SetAlias(alias, random.choice((0, number)))),
        (6, lambda: commands.Promote(number, alias, random.choice(((), (enough,))))),
        (3, lambda: commands.RollBack(alias)),
        (4, lambda: random_traffic(random)),
        (2, lambda: commands.AddCase({"petals ❀": number}, "small", "setosa")),
        (1, lambda: commands.RemoveCase(number)),
        (1, lambda: commands.SetRecording(random.choice(("durable", "fast")), 7)),
        (1, lambda: commands.ErasePredictions(random.choice((samples.ERASED, "none")), "why")),
        (2, lambda: commands.SetShadow(random.choice(("", "second", "2")))),
        (2, lambda: commands.RollBackTraffic(random.choice((1, 2)), number, GUARD, 3, 57)),
        (1, lambda: commands.ShareModel("grace", random.choice(("read", "promote")))),
        (1, lambda: commands.UnshareModel("grace")),
        (0.2, commands.DeleteModel),
    )
    (make,) = random.choices([m for _, m in makers], [weight for weight, _ in makers])
    return make()


def random_pipeline_command(random: Random) -> Command:
    """A command of users, of the process that conducts the runs ("any"), or of a worker."""
    run, step = random.choice(("r1", "r1", "r2", "r3")), random.choice(("k1", "k2"))
    attempt, worker = random.choice((1, 1, 2)), random.choice(("any", "any", "w1"))
    key = random.choice(("", "3" * 64))
    makers = (
        (3, lambda: commands.ApplyPipeline(samples.DEFINITION, "flowers ❀")),
        (8, lambda: samples.request_pipeline(run, max_attempts=2)),
        (8, lambda: commands.StartRun(run, attempt, worker)),
        (6, lambda: samples.request_step(step, run, max_attempts=2)),
        (4, lambda: commands.StartRun(step, attempt, "w1")),
        (4, lambda: samples.complete_step(step, attempt)),
        (4, lambda: commands.RecordStep(run, samples.outcome(key=key))),
        (4, lambda: samples.complete_pipeline(run, attempt, worker)),
        (2, lambda: commands.FailRun(run, attempt, worker, "input", "step large: …")),
        (2, lambda: commands.ReportRunLost(run, attempt, worker)),
        (2, lambda: commands.CancelRun(random.choice((run, step)))),
        (3, lambda: commands.ForgetRuns(random.choice(((run,), ("r1", "r2"), (step,))))),
        (1, lambda: commands.SharePipeline("grace", random.choice(("read", "write")))),
        (1, lambda: commands.UnsharePipeline("grace")),
        (1, lambda: commands.SetQuota("runs-open", random.choice((3, None)))),
        (0.1, commands.RemovePipeline),
    )
    (make,) = random.choices([m for _, m in makers], [weight for weight, _ in makers])
    return make()


def random_traffic(random: Random) -> Command:
    routes = random.choice(
        ({}, {"champion": 90, "2": 10}, {"champion": 50, "second": 50}, {"1": 99})
    )
    guards = random.choice(((), (GUARD,)))
    return commands.SetTraffic(routes=routes, sticky="petals ❀", salt="s", guards=guards)


def request_training(random: Random, run: str) -> Command:
    odd = random.choice((3, None, 10**25, 0.1 + 0.2, 1e300, -0.0, "é\u2028\x00", [1, [2.5]], {}))
    dataset = random.choice((samples.IRIS, samples.WINE))
    return samples.request_training(
        run,
        hyperparameters={"b": odd, "a": True},
        dataset=dataset,
        max_attempts=random.choice((1, 2)),
        labels={"gpu": "1"} if run[-1:] in "13579" else {},
    )


def command_record(
    stream: str, command: Command, identifier: str, **fields: object
) -> CommandRecord:
    """A command as somebody sends it who may, where everything is the user's (`actor`)."""
    actor = entitled(command, fields.pop("actor", ""))  # type: ignore[arg-type]
    fields = {"actor": actor.name, "grant": actor.grant or UNSET} | fields
    return CommandRecord(
        id=identifier,
        source="tests",
        type=type_of(type(command)),
        subject=stream,
        time=fields.pop("time", "2026-01-01T00:00:00Z"),  # type: ignore[arg-type]
        data=raw(command),
        **fields,  # type: ignore[arg-type]
    )


def random_records(random: Random, count: int) -> list[CommandRecord]:
    """Commands to several streams; now and then one comes twice."""
    records: list[CommandRecord] = []
    for number in range(count):
        if records and random.random() < 0.1:
            records.append(random.choice(records[-5:]))
            continue
        stream = random.choices(STREAMS, (10, 10, 1, 1, 1.5, 0.5, 1.5, 3))[0]
        record = command_record(
            stream,
            random_command(random, stream),
            f"c{number}",
            time=f"2026-01-01T00:{number // 60:02}:{number % 60:02}Z",
            actor="ada",
            fingerprint=f"{number:x}",
        )
        records.append(record)
    return records


class Reference:
    """Decides commands one by one, with nothing else in mind: what the write path must come to."""

    def __init__(self, partition: int = 0, term: int = 1) -> None:
        self.partition, self.term, self.last = partition, term, -1
        self.streams: dict[str, Stream] = {}
        self.seen: set[tuple[str, str]] = set()

    def answer(self, offset: int, record: CommandRecord) -> EventRecord | None:
        """The event that answers a command; None if it came before."""
        if (record.subject, record.id) in self.seen:
            return None
        before = self.streams.get(record.subject)
        if before is None:
            before = Stream(0, decider_of(record.subject).initial)
        place = AppendFence(self.partition, offset, self.last, self.term)
        decision = decide(before, record, place)
        self.last = offset
        self.seen.add((record.subject, record.id))
        self.streams[record.subject] = decision.after
        return decision.record


def history(random: Random, count: int) -> list[EventRecord]:
    """The events that answer random commands."""
    reference = Reference()
    answers = (reference.answer(o, r) for o, r in enumerate(random_records(random, count)))
    return [answer for answer in answers if answer is not None]


def check_content(commands: log_checker.Topic, events: log_checker.Topic) -> None:
    """Check that each answer is the one that deciding the commands one by one gives."""
    for partition, asked in commands.items():
        reference, expected = Reference(partition), []
        values = {record.offset: record.value for record in asked}
        for offset, _ in log_checker.wanted_answers(asked)[0]:
            answer = reference.answer(offset, decode_command(values[offset] or b""))
            assert answer is not None
            about = answer.causationid, answer.type, answer.sequence
            expected.append((*about, json.loads(bytes(answer.data))))
        answers, _, _ = log_checker.admitted(partition, events[partition])
        got = [(a["causationid"], a["type"], a["sequence"], a["data"]) for a in answers]
        assert got == expected


def values(records: list[EventRecord]) -> list[bytes]:
    """Events as they lie on the log."""
    return [encode(record) for record in records]


assert all(stream.partition("/")[0] in KINDS for stream in STREAMS)
