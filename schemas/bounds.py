"""The fixed bounds on sizes and counts. `settings` has those that an operator chooses."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from autolearn.schemas.errors import TooLarge

KIB, MIB = 1024, 1024 * 1024

LARGEST_COMMAND = MIB
"""Bytes of a command as sent: encrypted, in its envelope, with its key and headers."""

LARGEST_RESULT = MIB
"""Bytes of the command with which a worker reports the end of a run, measured in the same way."""

LARGEST_EVENT = 2 * MIB
"""Bytes of an event as sent. A command in clear may be answered by an encrypted event."""

LARGEST_MESSAGE = 4 * MIB
"""Bytes of any record on the log. Topics allow twice that, for headers and growth."""

LONGEST_NAME = 200
"""Characters of a name or a label: of a column, a class, a category."""

LONGEST_TEXT = 10_000
"""Characters of a text for people in a command, such as why a run has failed."""

MOST_HYPERPARAMETERS = 200
"""Hyperparameters of one training."""

MOST_VALUES = 10_000
"""Values in a hyperparameter that is an array or an object, with the names in objects."""

DEEPEST_VALUE = 4
"""Levels of arrays and objects in a hyperparameter."""

SENSITIVE_COLUMNS = 1_000
"""Columns of one dataset that are marked as sensitive."""

MOST_COLUMNS = 10_000
"""Columns that one request names."""

MOST_TYPES = 1_000
"""Columns whose types one request gives."""

DATASET_GRANTS = 200
"""Users and groups with whom one dataset is shared."""

COMBINED_PARTS = 10
"""Versions that one answer combines."""
ONLINE_VALUES = 1_000_000
"""Values of one request: its rows times the columns that any of them has."""
ONLINE_ROWS = 1000
"""Rows that a model answers in one request."""
TRUTHS = 10_000
"""Truths or labels that one request adds."""
DATASET_LABELS = 100_000
"""Labels that are given to rows of one dataset, replaced ones included."""
DATASET_RULES, RULE_VALUES = 1000, 1000
"""Expectations of one dataset, and values that one of them names."""
WARNINGS_SHOWN = 100
"""Warnings about rows that one answer has."""
LOADED_MODELS, LOADED_BYTES = 50, 512 * MIB
"""Models in the memory of one process, and bytes of their artifacts together."""

MODEL_VERSIONS = 10_000
"""Versions of one model, retired ones included."""
MODEL_ALIASES = 50
"""Aliases of one model."""
MODEL_GRANTS = 200
"""Users and groups with whom one model is shared."""
ERASED_REQUESTS = 1000
"""Requests of which rows are erased by one command."""
ERASURE_TEXT = 200_000
"""Characters that name the erased rows of one command."""
ERASED_KEYS = 1000
"""Values of a column whose rows are erased together."""
EXPERIMENT_MODELS = 100
"""Models with versions of one experiment."""
MODEL_CASES, CASE_BYTES = 100, 20_000
"""Named cases of one model, and bytes of the row of one in JSON."""
MODEL_MEMORY = 20
"""Holders of an alias that a rollback remembers."""
MOST_REQUIREMENTS = 20
"""Requirements of one promotion."""
MOST_ROUTES, MOST_GUARDS = 10, 10
"""Versions in the traffic of one model, and guards of it."""
GUARD_REQUESTS = 1_000_000
"""Requests in one block of a guard."""
HIGHEST_RATE = 1_000_000
"""Requests or rows a second that a grant allows."""

GROUP_MEMBERS = 200
"""Members of one group."""

GROUPS_OF_USER = 100
"""Groups of one user. A list of what is shared looks at each."""

DATASET_VERSIONS = 500
"""Versions of one dataset. A version is found by decrypting each once."""

PAGE_BYTES = MIB
"""Bytes of the items of one page of a list. A larger item comes alone."""

ROWS_SHOWN = 1000
"""Rows of a dataset that one answer shows, of PAGE_BYTES at most."""

PAGE_COST = 10_000
"""The cost of one page of a list: a run that is read, or a KiB of a dataset's row."""

PAGE_LOOKED = 20_000
"""Records of the log that one page reads, matching or not."""

PAGE_STREAMS = 2000
"""Streams that one page of differences reads, changed or not."""

PAST_BYTES = 128 * MIB
"""Bytes of events that are folded for one past state. A longer stream has no past state, only its
events."""

RUNNING_SHOWN = 100
"""Runs in progress that a session lists."""

TOKENS = 100
"""Valid tokens of a user, unless the user has a quota."""

PREDICTED_ROWS = 5_000_000
"""Rows of one prediction."""
PREDICTED_BYTES = 1024 * MIB
"""Bytes of the files of one prediction, all together."""
BATCHES_BYTES = 128 * KIB
"""Bytes of the records about the batches of one prediction."""
BACKTEST_ROWS, BACKTEST_BYTES = 500_000, 256 * MIB
"""Rows of one backtest, and bytes of them."""
BACKTEST_RECORDS = 1_000_000
"""Records of the prediction log that are looked through for one backtest, of all models."""
BACKTEST_DIFFERENT, BACKTEST_CHANGES = 50, 20
"""Rows whose answers differ that a backtest lists; and kinds of changes that it counts."""
ROWS_SECONDS = 23 * 3600.0
"""Seconds for which rows that were sent, and predictions, are kept; they are deleted within an hour
after."""

SESSION_ANNOTATIONS = 1000
"""Annotations of one session or experiment, with those of its trainings."""
LONGEST_NOTE = 2000
"""Characters of a note."""
MOST_TAGS, LONGEST_TAG = 50, 50
"""Tags of one session, experiment or training; and characters of a tag."""
MOST_LOGGED = 100
"""Figures that users log with one training."""
SESSION_ATTACHMENTS = 100
"""Files that are attached to the trainings of one session."""
LARGEST_ATTACHMENT = 16 * MIB
"""Bytes of such a file."""
PIPELINE_TEXT = 256 * 1024
"""Characters of the file that declares a pipeline."""
PIPELINE_VERSIONS = 10_000
"""Versions of one pipeline."""
PIPELINE_GRANTS = 200
"""Users and groups with a grant on one pipeline."""
PIPELINE_RUNS = 50_000
"""Runs of one pipeline at a time, with their steps: older ones are forgotten."""
SESSION_READERS = 200
"""Users and groups with whom one session is shared."""
SESSION_RUNS = 5000
"""Runs of one session."""
STRANGER_BODY = 16 * 1024
"""Bytes of a body that is read before authentication, such as that of a login."""

STRANGER_SEALED = 64 * 1024
"""Bytes of a sealed body that names its principal inside; a larger one names it in its head."""

STRANGER_SECONDS = 10.0
"""Seconds within which such a body must have arrived."""

STRANGERS, STRANGERS_BYTES = 200, 8 * 1024 * 1024
"""Such requests of one API process at a time, and bytes of their bodies."""

ADDRESS_REQUESTS, ADDRESS_BYTES = 20, 1024 * 1024
"""Such requests from one address (IPv6: a /64) at a time, and bytes of their bodies."""

BODY_SECONDS = 120.0
"""Seconds within which the body of a user's request must have arrived, uploads aside."""

UPLOADS, UPLOADED = 32, 4
"""Uploads of one API process at a time, including those that wait for examination; and how many of
the largest (AUTOLEARN_MAX_UPLOAD) its temporary files may hold. A user may have a quarter."""

UPLOAD_SECONDS, UPLOAD_PACE = 600.0, 50_000
"""Seconds that an upload may take, plus one for each so many bytes received."""

LOGIN_FAILURES = 5
"""Failed passwords of one user from one address before a pause."""

LOGIN_FIRST_PAUSE, LOGIN_PAUSE = 30.0, 15 * 60.0
"""Seconds of the first pause, and of the longest. Failures are forgotten that long after the
last."""

LOGINS_REMEMBERED = 10_000
"""Users and addresses whose failures are remembered; the oldest are forgotten first."""

REPEATS_SECONDS, REPEATS_REMEMBERED = 60.0, 1000
"""Seconds in which equal refused requests of one address become one record of the behaviour log;
and how many such records are counted at a time, before one stands for all other addresses."""


def share(limit: int) -> int:
    """Return how much of a bound one user may have: a quarter, at least one."""
    return max(1, limit // 4)


def size_of(value: bytes, key: str | bytes | None, headers: Iterable[tuple[str, bytes]]) -> int:
    """Return the bytes of a record as it is sent."""
    return len(value) + len(key or b"") + sum(len(name) + len(word) for name, word in headers)


COMPARED, COMPARED_TRAININGS, COMPARED_RUNS = 100, 2000, 10_000
"""Things that one comparison names; and the trainings that it has, and runs that it reads."""

LINEAGE_NODES, LINEAGE_DEPTH = 1_000, 50
"""Nodes of one lineage, and the steps from its thing to the farthest of them."""

IDS_OF_START = 1000
"""Ids that are read to resolve the beginning of an id."""


def check_size(what: str, size: int, most: int, advice: str = "") -> None:
    """Raise TooLarge if there are more bytes than the bound allows."""
    if size > most:
        raise TooLarge(f"{what} has {size:,} bytes; at most {most:,} are taken.", advice=advice)


def cut(text: str, most: int = LONGEST_NAME) -> str:
    """Shorten a name or label to its bound."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def listed(names: Sequence[str], most: int = 20) -> str:
    """Join names for a sentence: the first ones, each cut, and how many more there are."""
    shown = ", ".join(cut(name, 60) for name in names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most:,} more"
