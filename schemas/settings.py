"""All settings, with their environment variables, defaults and checks.

Every field is set by `AUTOLEARN_<NAME>`, from the environment or from the home's `.env` (the
environment wins). The name is the field's encoded one, whichever the group.
`AUTOLEARN_KAFKA_<PROPERTY>` passes a property of the Kafka client through, for instance
`AUTOLEARN_KAFKA_SECURITY_PROTOCOL=SASL_SSL` for `security.protocol`.
"""

from __future__ import annotations

import difflib
import ipaddress
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct, field

from autolearn.schemas.bounds import TOKENS
from autolearn.schemas.errors import SettingsError
from autolearn.schemas.workers.cluster import DaskSettings
from autolearn.schemas.workers.labels import TEXT, faults_in, labels_in

PREFIX = "AUTOLEARN_"
KAFKA_PREFIX = "AUTOLEARN_KAFKA_"
CLIENT_ONLY = {
    *("AUTOLEARN_SESSION", "AUTOLEARN_TOKEN", "AUTOLEARN_URL"),
    *("AUTOLEARN_CA", "AUTOLEARN_SEAL", "AUTOLEARN_SERVER_KEY"),
}
"""Variables that only clients read: the current session, the token and the URL of the API; trusted
certificates and keys; and whether requests are sealed."""

_SAFE_URL = re.compile(r"https://|http://(127\.0\.0\.1|localhost|\[::1\])(:\d+)?/")
"""Where the keys of a provider may come from."""

Count = Annotated[int, Meta(ge=1)]
Quota = Annotated[int, Meta(ge=0, le=2**53)]
Seconds = Annotated[float, Meta(gt=0, le=366 * 24 * 3600)]
Port = Annotated[int, Meta(ge=0, le=65535)]


class KafkaSettings(Struct, frozen=True, kw_only=True):
    """Kafka: brokers and topics."""

    brokers: str = field(default="", name="kafka")
    """Brokers, `host:port,…`; empty: the embedded broker."""
    client: dict[str, str] = field(default_factory=dict, name="kafka_client")
    """Properties passed through to every Kafka client, from AUTOLEARN_KAFKA_*."""
    topic_prefix: Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9._-]{0,60}\Z")] = "autolearn"
    """The first word of the name of every topic."""
    replication: Count = 1
    """Copies of every topic's partitions: 1 on the embedded broker, 3 on a cluster."""
    min_insync_replicas: Count = 1
    """Copies that must store an append before it is acknowledged: 2 on a cluster."""
    partitions: Annotated[int, Meta(ge=1, le=1000)] = 4
    """Partitions of `commands` and of `events`; fixed once they exist."""
    task_partitions: Annotated[int, Meta(ge=1, le=1000)] = 16
    """Partitions of `tasks`: the most workers that share the work."""
    session_timeout: Annotated[float, Meta(ge=1, le=1800)] = 10.0
    """Seconds after which the group assigns the partitions of a silent process to another."""


class ApiSettings(Struct, frozen=True, kw_only=True):
    """The API: addresses, TLS and sealing."""

    host: str = field(default="127.0.0.1", name="api_host")
    """The address on which the API listens."""
    port: Port = field(default=8321, name="api_port")
    """The port of the API; 0 takes a free one."""
    hosts: str = ""
    """Further host names that requests may use if `auth` is none."""
    trusted_proxies: str = ""
    """Addresses and networks (`10.0.0.5,10.1.0.0/16`) of the proxies whose X-Forwarded-For and
    X-Forwarded-Proto are trusted; empty: none."""
    tls_cert: str = ""
    """The API's certificate for TLS (PEM, with its chain); empty: no TLS."""
    tls_key: str = ""
    """The private key (PEM) of the certificate."""
    plain: Literal["local", "always", "never"] = "local"
    """Requests that need not be sealed (docs/wire.md). `local`: those over TLS or from this
    machine; `always`: all; `never`: none."""
    wire_keys: str = ""
    """The folder of the keys to which clients seal requests; empty: `keys/wire` in `home`."""


class ServingSettings(Struct, frozen=True, kw_only=True, rename=lambda name: f"serve_{name}"):
    """Processes that serve models, and where the API finds them."""

    port: Annotated[int, Meta(ge=-1, le=65535)] = -1
    """The port of a process `serve`; -1: the one after that of the API, 0: a free one."""
    url: Annotated[str, Meta(pattern=r"^(|https?://[^\s,]+(,https?://[^\s,]+)*)\Z")] = ""
    """Where the API asks processes `serve`, `http://host:8322,…`: the first that takes a request
    answers it. Empty: on this machine."""


class IdentitySettings(Struct, frozen=True, kw_only=True):
    """Identity: authentication of users."""

    auth: Literal["tokens", "oidc", "none"] = "tokens"
    """The authentication of users. `tokens`: by tokens of this installation; `oidc`: by bearer
    tokens of an OpenID provider; `none`: every client of the API may do everything."""
    oidc_issuer: str = ""
    """The provider: the required `iss` of its tokens."""
    oidc_jwks_url: str = ""
    """The URL of the provider's public keys: https, or a loopback address."""
    oidc_audience: str = ""
    """The name of this API with the provider, which `aud` of a token must hold."""
    oidc_name_claim: str = "sub"
    """The claim with the user name. The provider must never give a name to another person."""
    oidc_role_claim: str = "roles"
    """The claim with a user's roles; a dot leads into an object, as in `realm_access.roles`."""
    oidc_sysadmin_role: str = "sysadmin"
    """The role that makes a user a sysadmin."""
    oidc_viewer_role: str = "viewer"
    """The role of viewers in that claim. A user with both roles is a sysadmin."""


class LimitSettings(Struct, frozen=True, kw_only=True):
    """Limits of one API process, and free disk space."""

    max_body: Count = 4 * 1024 * 1024
    """Bytes of the largest HTTP body, except uploads of datasets."""
    max_upload: Count = 2 * 1024 * 1024 * 1024
    """Bytes of the largest dataset that may be uploaded."""
    decision_timeout: Seconds = 10.0
    """Seconds that an HTTP request waits for its command's answer, before it gets 202."""
    append_timeout: Seconds = 5.0
    """Seconds that an HTTP request waits until Kafka acknowledges its command, before it gets 503.
    """
    max_waiting: Count = 1000
    """Requests in progress in one API process: changes and reads, each."""
    max_appends: Count = 1000
    """Commands of one API process that Kafka has not acknowledged."""
    max_pending: Annotated[int, Meta(ge=64 * 1024)] = 64 * 1024 * 1024
    """Bytes of all bodies in one API process, and of its unacknowledged commands, each."""
    max_undecided: Count = 5000
    """Undecided commands of one partition; beyond them the API refuses commands."""
    max_followers: Count = 1000
    """Clients that follow the events at one API process."""
    feed_timeout: Seconds = 30.0
    """Seconds within which a follower must read something, or it is disconnected."""
    disk_reserve: Annotated[str, Meta(pattern=r"^([0-9]{1,7}|[0-9]{1,2}%)\Z")] = "1024"
    """The free space to keep on the disks of artifacts and of temporary files: MiB, or a share such
    as 5%. Below it uploads and runs are refused, so that Kafka has room. 0: nothing."""


class QuotaSettings(Struct, frozen=True, kw_only=True, rename=lambda name: f"quota_{name}"):
    """Default quotas of users and pipelines (`schemas.quotas`)."""

    runs_queued: Quota = 10_000
    """Runs of one user, or of one pipeline, that wait for a worker."""
    runs_running: Quota = 100
    """Runs of one user at work at a time."""
    sessions: Quota = 1000
    """Open sessions of one user, or of the runs of one pipeline."""
    session_runs: Quota = 5000
    """Runs in one session, including ended ones."""
    runs_open: Quota = 20
    """Runs of one pipeline that have not ended."""
    result_bytes: Quota = 50 * 1024**3
    """Bytes of what the steps of one pipeline have left."""
    pipelines: Quota = 1000
    """Pipelines of one user, without the removed ones."""
    dataset_bytes: Quota = 50 * 1024**3
    """Bytes of all datasets of one user together."""
    tokens: Annotated[int, Meta(ge=0, le=TOKENS)] = TOKENS
    """Tokens of one user that are neither revoked nor expired. The default is also the maximum;
    only a user's own quota may be higher."""
    requests: Count = 100
    """Requests of one user a second, by each API process; twice as many at once."""
    predictions: Count = 5000
    """Requests of one user a second, by each process `serve`; twice as many at once."""


class WorkerSettings(Struct, frozen=True, kw_only=True):
    """Workers, and limits of a run."""

    slots: Count = 2
    """Runs of any kind that one worker process runs at a time."""
    heartbeat: Seconds = 1.0
    """Seconds between two heartbeats of a worker."""
    timeout: Seconds = field(default=10.0, name="worker_timeout")
    """Seconds of silence after which a worker's runs are offered to others."""
    labels: Annotated[str, Meta(pattern=TEXT)] = field(default="", name="worker_labels")
    """The labels of a worker besides those that it finds (cores, memory, gpu, packages), such as
    `zone=a,gpu=1`; runs may ask for them (docs/workers.md)."""
    idle_exit: Annotated[float, Meta(ge=0, le=366 * 24 * 3600)] = 0.0
    """Seconds without a run after which a worker ends itself; 0: never. `autolearn up` keeps its
    own."""
    drain: Annotated[float, Meta(ge=0, le=366 * 24 * 3600)] = 0.0
    """Seconds that a worker which is asked to end (SIGTERM) gives its runs: it takes no others, and
    ends with the last. A second signal ends it at once. 0: others start its runs again."""
    time_limit: Seconds = 3600.0
    """Seconds that a run may take; a request may set fewer."""
    memory_limit: Annotated[int, Meta(ge=256)] = 4096
    """MiB that a run's process may use; a request may set fewer."""
    dask: Annotated[str, Meta(pattern=r"^(|(tcp|tls)://[^\s,/]+:\d{1,5})\Z")] = ""
    """The scheduler of a Dask cluster, `tcp://host:8786` or `tls://…`, on which steps and batch
    predictions of many rows run (docs/workers.md); empty: none."""
    dask_rows: Count = 1_000_000
    """Rows from which on they run there."""
    dask_tls: str = ""
    """The folder of `ca.pem`, `cert.pem` and `key.pem`, for a scheduler at `tls://…`."""

    @property
    def cluster(self) -> DaskSettings | None:
        """The Dask cluster, if there is one."""
        return DaskSettings(self.dask, self.dask_tls, self.dask_rows) if self.dask else None


class DataSettings(Struct, frozen=True, kw_only=True):
    """Datasets: owners and severe findings."""

    owner: Literal["owner", "everybody"] = field(default="owner", name="datasets")
    """The owner of a new dataset: its first uploader, who may share it; or everybody."""
    strict: Literal["on", "off"] = field(default="on", name="strict_data")
    """Whether severe findings of a dataset prevent trainings until a user has decided on them
    (docs/data.md)."""


class RetentionSettings(Struct, frozen=True, kw_only=True):
    """Retention of sessions and their keys."""

    session_expires: Annotated[float, Meta(ge=0, le=3660)] = 0.0
    """Days without use after which an open session expires, unless it was opened with another
    number; 0: never."""
    expiry_grace: Seconds = 24 * 3600.0
    """Seconds for which an unused session is shown as expiring before it expires."""
    prediction_days: Annotated[float, Meta(ge=1, le=36600)] = 400.0
    """Days for which the prediction log is kept; then the keys of its months are shredded."""
    shred_within: Annotated[float, Meta(ge=30, le=7 * 24 * 3600)] = 60.0
    """Seconds after which a shredded key is gone from the brokers' files."""
    erase_within: Annotated[float, Meta(ge=6 * 3600, le=400 * 24 * 3600)] = 30 * 24 * 3600.0
    """Seconds after which an erased prediction is gone from the brokers' files."""


class EncryptionSettings(Struct, frozen=True, kw_only=True):
    """Encryption at rest, and the master key."""

    mode: Literal["auto", "on", "off"] = field(default="auto", name="encryption")
    """Whether the content of a session is encrypted with the session's own key
    (docs/confidentiality.md). `auto`: if there is a master key; `autolearn up` makes one. With
    `off` new sessions are in clear, and encrypted ones can still be read."""
    master_key: str = ""
    """The master key that wraps the sessions' keys: 16 or 32 bytes in base64. Older ones may follow
    after a blank; they only unwrap."""
    master_key_file: str = ""
    """A file (mode 0600) with the master key, and a line for each older one. If no source is set:
    `keys/master.key` in `home`."""
    master_key_command: str = ""
    """A command that prints the content of such a file, for instance from a KMS."""


class ChainSettings(Struct, frozen=True, kw_only=True):
    """The hash chain and its signed checkpoints."""

    mode: Literal["on", "off", "strict"] = field(default="on", name="chain")
    """Whether events are chained by hashes and checkpoints are signed (docs/chain.md). `strict`: a
    partition with a broken chain stops."""
    checkpoint_events: Count = 1000
    """Events of a partition after which a checkpoint is signed at the latest."""
    checkpoint_interval: Annotated[float, Meta(gt=0, le=300)] = 60.0
    """Seconds after which a checkpoint is signed at the latest, if there are new events."""
    checkpoint_file: str = ""
    """A file to which every checkpoint is appended, preferably on another machine; empty: none."""
    signing_key: str = ""
    """The private key (Ed25519, PKCS#8 PEM, mode 0600) that signs checkpoints; empty:
    `keys/signing.pem` in `home`, created at the first start."""


class ObservabilitySettings(Struct, frozen=True, kw_only=True):
    """The behaviour log, metrics and logs."""

    audit: Literal["on", "off"] = "on"
    """Whether every request is recorded on `audit`, and records carry traces (docs/audit.md)."""
    audit_memory: Count = 10_000
    """Hops of requests that each API process keeps in memory."""
    metrics: Annotated[str, Meta(pattern=r"^(|[^:\s]+:\d{1,5}|\[[0-9a-fA-F:]+\]:\d{1,5})\Z")] = ""
    """The address at which agents and workers serve /metrics, `host:port` (port 0: a free one);
    empty: none. The API always has /metrics."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """The lowest level of entries in the processes' logs."""
    log_format: Literal["console", "json"] = "console"
    """The format of the processes' logs: lines for people, or JSON."""


class Settings(Struct, frozen=True, kw_only=True):
    """The settings of one installation. Times are in seconds, memory in MiB, sizes in bytes."""

    home: str = ""
    """The folder of all data on this machine; empty: the platform's user data folder."""
    instance: Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,60}\Z")] = "0"
    """The name of this instance among those of its process type on this home; two may not share
    one."""
    artifacts: str = ""
    """URL of the artifact store, as fsspec understands it; empty: a folder in `home`."""
    kafka: KafkaSettings = KafkaSettings()
    api: ApiSettings = ApiSettings()
    identity: IdentitySettings = IdentitySettings()
    limits: LimitSettings = LimitSettings()
    quotas: QuotaSettings = QuotaSettings()
    workers: WorkerSettings = WorkerSettings()
    data: DataSettings = DataSettings()
    retention: RetentionSettings = RetentionSettings()
    encryption: EncryptionSettings = EncryptionSettings()
    chain: ChainSettings = ChainSettings()
    observability: ObservabilitySettings = ObservabilitySettings()
    serving: ServingSettings = ServingSettings()


_GROUPS: dict[str, Any] = {"": Settings} | {
    name: type(group)
    for name in Settings.__struct_fields__
    if isinstance(group := getattr(Settings(), name), Struct)
}
GROUP_OF = {
    name: group
    for group, kind in _GROUPS.items()
    for name in kind.__struct_encode_fields__
    if group or name not in _GROUPS
}
"""The group of each setting, by its name in lower case; empty: it is in none."""
del GROUP_OF["kafka_client"]


def load(environment: Mapping[str, str]) -> Settings:
    """Read the settings from variables.

    Raises:
        SettingsError: a variable `AUTOLEARN_…` is unknown, or its value does not fit.
    """
    client: dict[str, str] = {}
    values: dict[str, Any] = {group: {} for group in _GROUPS}
    values["kafka"]["kafka_client"] = client
    for variable, value in sorted(environment.items()):
        name = variable.removeprefix(PREFIX).lower()
        if not variable.startswith(PREFIX) or variable in CLIENT_ONLY:
            continue
        if variable.startswith(KAFKA_PREFIX):
            client[variable.removeprefix(KAFKA_PREFIX).lower().replace("_", ".")] = value
        elif name in GROUP_OF:
            _check_value(variable, GROUP_OF[name], name, value)
            values[GROUP_OF[name]][name] = value
        else:
            raise _unknown(variable)
    settings = msgspec.convert(values | values.pop(""), Settings, strict=False)
    kafka, api = settings.kafka, settings.api
    if kafka.min_insync_replicas > kafka.replication:
        raise SettingsError(
            f"AUTOLEARN_MIN_INSYNC_REPLICAS is {kafka.min_insync_replicas}, more than the "
            f"{kafka.replication} of AUTOLEARN_REPLICATION.",
            advice="Set AUTOLEARN_REPLICATION to at least as many.",
        )
    _check_oidc(settings.identity)
    if bool(api.tls_cert) != bool(api.tls_key):
        raise SettingsError(
            "One of AUTOLEARN_TLS_CERT and AUTOLEARN_TLS_KEY is set, and the other is not.",
            advice="Set both to speak TLS, or neither.",
        )
    if faults := faults_in(labels_in(settings.workers.labels)):
        raise SettingsError(
            f"AUTOLEARN_WORKER_LABELS={settings.workers.labels[:200]!r} does not fit: {faults[0]}.",
            advice="Give labels as in zone=a,gpu=1.",
        )
    if settings.workers.dask.startswith("tls://") != bool(settings.workers.dask_tls):
        raise SettingsError(
            "AUTOLEARN_DASK_TLS is for a scheduler at tls://, and such a scheduler needs it.",
            advice="Set AUTOLEARN_DASK=tls://… and AUTOLEARN_DASK_TLS, or tcp://… alone.",
        )
    _check_master_key(settings.encryption)
    _check_proxies(api.trusted_proxies)
    return settings


def serve_port(settings: Settings) -> int:
    """Return the port of a process `serve`; 0: any free one."""
    if settings.serving.port >= 0:
        return settings.serving.port
    return settings.api.port + 1 if settings.api.port else 0


def variables_of(settings: Settings) -> dict[str, str]:
    """Return the variables of which `load` makes these settings."""
    values = msgspec.to_builtins(settings)
    client = settings.kafka.client.items()
    return {KAFKA_PREFIX + name.upper().replace(".", "_"): value for name, value in client} | {
        PREFIX + name.upper(): str((values[group] if group else values)[name])
        for name, group in GROUP_OF.items()
    }


def _unknown(variable: str) -> SettingsError:
    known = sorted(
        {name.upper() for name in GROUP_OF} | {name.removeprefix(PREFIX) for name in CLIENT_ONLY}
    )
    near = difflib.get_close_matches(variable.removeprefix(PREFIX).upper(), known, 3)
    hint = f"Did you mean {' or '.join(PREFIX + name for name in near)}? " if near else ""
    return SettingsError(
        f"{variable[:200]} is not a setting.",
        advice=f"{hint}Correct or unset it, in the environment and in the file .env. All "
        f"{len(known)} settings are described in docs/settings.md; "
        f"{KAFKA_PREFIX}… passes on what a Kafka client takes.",
    )


def _check_oidc(identity: IdentitySettings) -> None:
    if identity.auth != "oidc":
        return
    for name in ("oidc_issuer", "oidc_jwks_url", "oidc_audience"):
        if not getattr(identity, name):
            raise SettingsError(
                f"{PREFIX}{name.upper()} is not set, and AUTOLEARN_AUTH is oidc.",
                advice="Set the issuer, the JWKS URL and the audience of your provider.",
            )
    if not _SAFE_URL.match(identity.oidc_jwks_url):
        raise SettingsError(
            f"AUTOLEARN_OIDC_JWKS_URL={identity.oidc_jwks_url[:200]!r} is neither https nor on "
            "this machine.",
            advice="An attacker who changes the keys on their way gets access: use https.",
        )


def _check_master_key(encryption: EncryptionSettings) -> None:
    sources = ("master_key", "master_key_file", "master_key_command")
    named = [f"{PREFIX}{name.upper()}" for name in sources if getattr(encryption, name)]
    if len(named) > 1:
        raise SettingsError(
            f"{' and '.join(named)} are both set.", advice="Say once where the master key is."
        )


def _check_proxies(proxies: str) -> None:
    for one in proxies.split(",") if proxies else ():
        try:
            ipaddress.ip_network(one.strip())
        except ValueError as error:
            raise SettingsError(
                f"AUTOLEARN_TRUSTED_PROXIES={proxies[:200]!r} does not fit: {error}.",
                advice="Name addresses and networks, as in 10.0.0.5,10.1.0.0/16.",
            ) from None


def _check_value(variable: str, group: str, name: str, value: str) -> None:
    try:
        msgspec.convert({name: value}, _GROUPS[group], strict=False)
    except msgspec.ValidationError as error:
        why = re.sub(r" - at `\$\.\w+`$", "", str(error))
        raise SettingsError(
            f"{variable}={value[:200]!r} does not fit: {why}.",
            advice="Correct or unset it, in the environment and in the file .env.",
        ) from None
