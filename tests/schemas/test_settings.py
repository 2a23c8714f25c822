"""Settings: what is taken, and what is refused in which words."""

import pytest

from autolearn.schemas.errors import SettingsError
from autolearn.schemas.settings import (
    GROUP_OF,
    ApiSettings,
    KafkaSettings,
    ObservabilitySettings,
    Settings,
    WorkerSettings,
    load,
    variables_of,
)
from autolearn.schemas.topics import GROUPS, Topics
from autolearn.schemas.workers.cluster import DaskSettings


def test_without_variables_everything_has_its_default():
    assert load({}) == Settings()
    assert load({"PATH": "/bin", "HOME": "/root", "autolearn_kafka": "x"}) == Settings()


def test_values_are_read_as_what_they_are():
    settings = load(
        {
            "AUTOLEARN_HOME": "/data",
            "AUTOLEARN_KAFKA": "a:9092,b:9092",
            "AUTOLEARN_PARTITIONS": "12",
            "AUTOLEARN_HEARTBEAT": "0.5",
            "AUTOLEARN_LOG_FORMAT": "json",
            "AUTOLEARN_API_PORT": "0",
        }
    )
    assert settings == Settings(
        home="/data",
        kafka=KafkaSettings(brokers="a:9092,b:9092", partitions=12),
        workers=WorkerSettings(heartbeat=0.5),
        observability=ObservabilitySettings(log_format="json"),
        api=ApiSettings(port=0),
    )


def test_kafka_properties_pass_through():
    settings = load(
        {
            "AUTOLEARN_KAFKA": "a:9092",
            "AUTOLEARN_KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
            "AUTOLEARN_KAFKA_SASL_USERNAME": "Ada",
        }
    )
    assert settings.kafka.brokers == "a:9092"
    assert settings.kafka.client == {"security.protocol": "SASL_SSL", "sasl.username": "Ada"}


def test_the_variables_of_settings_make_the_same_again():
    given = {"AUTOLEARN_KAFKA_SASL_USERNAME": "Ada", "AUTOLEARN_QUOTA_TOKENS": "7"}
    settings = load({**given, "AUTOLEARN_KAFKA": "a:9092", "AUTOLEARN_HEARTBEAT": "0.5"})
    assert load(variables_of(settings)) == settings
    assert given.items() <= variables_of(settings).items()
    assert variables_of(load({})).keys() == {f"AUTOLEARN_{name.upper()}" for name in GROUP_OF}


def test_what_only_the_command_line_reads_is_no_mistake():
    assert load({"AUTOLEARN_URL": "http://x", "AUTOLEARN_SESSION": "s"}) == Settings()


@pytest.mark.parametrize(
    ("variable", "near"),
    [
        ("AUTOLEARN_PARTITION", "AUTOLEARN_PARTITIONS"),
        ("AUTOLEARN_", "docs/settings.md"),
        ("AUTOLEARN_HOMES", "AUTOLEARN_HOME"),
    ],
)
def test_an_unknown_variable_is_refused_and_the_nearest_ones_are_named(variable, near):
    with pytest.raises(SettingsError) as failure:
        load({variable: "1"})
    assert failure.value.detail == f"{variable} is not a setting."
    assert near in failure.value.advice


BAD = {
    "AUTOLEARN_TOPIC_PREFIX": ["", "Big", "-x", "a b", "ü", "x" * 62, "x\n", "a/b"],
    "AUTOLEARN_INSTANCE": ["", "a b", "-1", "x" * 62, "1\n", "../up"],
    "AUTOLEARN_REPLICATION": ["0", "-1", "x", "", "1.5", "1e999", "true"],
    "AUTOLEARN_MIN_INSYNC_REPLICAS": ["0", "two"],
    "AUTOLEARN_PARTITIONS": ["0", "1001", "", "4 "],
    "AUTOLEARN_TASK_PARTITIONS": ["0", "1001"],
    "AUTOLEARN_API_PORT": ["-1", "65536", "http"],
    "AUTOLEARN_SLOTS": ["0", "two"],
    "AUTOLEARN_TIME_LIMIT": ["0", "-1", "nan", "inf", "soon"],
    "AUTOLEARN_MEMORY_LIMIT": ["255", "1GB"],
    "AUTOLEARN_MAX_BODY": ["0", "-5"],
    "AUTOLEARN_MAX_UPLOAD": ["0", "big"],
    "AUTOLEARN_DECISION_TIMEOUT": ["0", "nan"],
    "AUTOLEARN_APPEND_TIMEOUT": ["0", "nan"],
    "AUTOLEARN_MAX_WAITING": ["0", "many"],
    "AUTOLEARN_MAX_APPENDS": ["0", "-1"],
    "AUTOLEARN_MAX_PENDING": ["0", "65535"],
    "AUTOLEARN_MAX_UNDECIDED": ["0", ""],
    "AUTOLEARN_MAX_FOLLOWERS": ["0", "all"],
    "AUTOLEARN_QUOTA_RUNS_QUEUED": ["-1", "all", str(2**53 + 1)],
    "AUTOLEARN_QUOTA_RUNS_RUNNING": ["-1"],
    "AUTOLEARN_QUOTA_SESSIONS": ["-1", "1.5"],
    "AUTOLEARN_QUOTA_SESSION_RUNS": ["-1"],
    "AUTOLEARN_QUOTA_RUNS_OPEN": ["-1", "few"],
    "AUTOLEARN_QUOTA_RESULT_BYTES": ["-1", "50GB"],
    "AUTOLEARN_QUOTA_PIPELINES": ["-1", "few"],
    "AUTOLEARN_QUOTA_DATASET_BYTES": ["-1", "50GB"],
    "AUTOLEARN_QUOTA_TOKENS": ["-1", "101"],
    "AUTOLEARN_QUOTA_REQUESTS": ["0", "many"],
    "AUTOLEARN_FEED_TIMEOUT": ["0", "inf"],
    "AUTOLEARN_SESSION_TIMEOUT": ["0.5", "1801", "inf"],
    "AUTOLEARN_HEARTBEAT": ["0", "-inf"],
    "AUTOLEARN_WORKER_TIMEOUT": ["0", "1e10"],
    "AUTOLEARN_AUTH": ["", "token", "None"],
    "AUTOLEARN_DATASETS": ["", "all", "Owner"],
    "AUTOLEARN_DISK_RESERVE": ["", "-1", "1 GB", "100%", "5.5%", "1\n"],
    "AUTOLEARN_PLAIN": ["", "no", "Never"],
    "AUTOLEARN_CHAIN": ["yes", ""],
    "AUTOLEARN_STRICT_DATA": ["yes", ""],
    "AUTOLEARN_CHECKPOINT_EVENTS": ["0", "many"],
    "AUTOLEARN_CHECKPOINT_INTERVAL": ["0", "301"],
    "AUTOLEARN_AUDIT": ["yes", ""],
    "AUTOLEARN_AUDIT_MEMORY": ["0", "many"],
    "AUTOLEARN_ENCRYPTION": ["yes", "", "AES"],
    "AUTOLEARN_SHRED_WITHIN": ["29", "inf", "soon"],
    "AUTOLEARN_SESSION_EXPIRES": ["-1", "nan", "never"],
    "AUTOLEARN_EXPIRY_GRACE": ["0", "-1", "a day"],
    "AUTOLEARN_METRICS": ["9464", "localhost", ":9464", "::1:9464", "a b:1", "host:port", "h:1\n"],
    "AUTOLEARN_PREDICTION_DAYS": ["0", "for ever"],
    "AUTOLEARN_ERASE_WITHIN": ["21599", "soon"],
    "AUTOLEARN_SERVE_PORT": ["-2", "65536", "http"],
    "AUTOLEARN_IDLE_EXIT": ["-1", "soon"],
    "AUTOLEARN_DRAIN": ["-1", "soon"],
    "AUTOLEARN_WORKER_LABELS": ["gpu", "zone=a,", "a=b=c"],
    "AUTOLEARN_DASK": ["10.0.0.5:8786", "http://a:1", "tcp://a"],
    "AUTOLEARN_DASK_ROWS": ["0", "many"],
    "AUTOLEARN_SERVE_URL": ["host:8322", "http://a,", "ftp://a"],
    "AUTOLEARN_QUOTA_PREDICTIONS": ["0", "many"],
    "AUTOLEARN_LOG_LEVEL": ["loud", "INFO", ""],
    "AUTOLEARN_LOG_FORMAT": ["xml", ""],
}


@pytest.mark.parametrize(
    ("variable", "value"),
    [(variable, value) for variable, values in BAD.items() for value in values],
)
def test_a_bad_value_is_refused_by_name(variable, value):
    with pytest.raises(SettingsError) as failure:
        load({variable: value})
    words = failure.value.diagnostics()
    assert f"{variable}={value!r} does not fit: " in words
    assert "Correct or unset it" in words
    assert "$" not in words.partition("does not fit")[2], "no path of a library's"


def test_every_setting_that_can_be_wrong_is_in_the_table_above():
    free = {"home", "kafka", "artifacts", "api_host"}
    free |= {name for name in GROUP_OF if name.startswith("oidc_")}
    free |= {
        "hosts",
        "trusted_proxies",
        "checkpoint_file",
        "signing_key",
        "tls_cert",
        "dask_tls",
        "tls_key",
        "wire_keys",
    }
    free |= {"master_key", "master_key_file", "master_key_command"}
    assert {name.removeprefix("AUTOLEARN_").lower() for name in BAD} == (set(GROUP_OF) - free)


def test_tls_takes_a_certificate_and_its_key():
    for one in ("AUTOLEARN_TLS_CERT", "AUTOLEARN_TLS_KEY"):
        with pytest.raises(SettingsError, match="the other is not"):
            load({one: "x.pem"})
    assert load({"AUTOLEARN_TLS_CERT": "x", "AUTOLEARN_TLS_KEY": "y"}).api.tls_key == "y"


def test_a_long_value_is_not_repeated_at_length():
    with pytest.raises(SettingsError) as failure:
        load({"AUTOLEARN_SLOTS": "x" * 10_000})
    assert len(failure.value.diagnostics()) < 600


def test_more_copies_must_agree_than_there_are():
    with pytest.raises(SettingsError, match="more than the 1 of AUTOLEARN_REPLICATION"):
        load({"AUTOLEARN_MIN_INSYNC_REPLICAS": "2"})
    load({"AUTOLEARN_MIN_INSYNC_REPLICAS": "2", "AUTOLEARN_REPLICATION": "3"})


def test_topics_follow_the_settings():
    topics = Topics.of(load({"AUTOLEARN_TOPIC_PREFIX": "lab", "AUTOLEARN_PARTITIONS": "7"}))
    assert topics.commands.name == "lab.commands"
    assert topics.commands.partitions == topics.events.partitions == 7
    assert topics.events.config["retention.ms"] == "-1"
    assert topics.events.config["cleanup.policy"] == "delete"
    assert topics.events.config["flush.messages"] == "1"
    assert topics.workers.config["cleanup.policy"] == "compact"
    assert len({topic.name for topic in topics.all()}) == len(topics.__struct_fields__)


def test_copies_make_flushing_needless():
    settings = load({"AUTOLEARN_REPLICATION": "3", "AUTOLEARN_MIN_INSYNC_REPLICAS": "2"})
    for topic in Topics.of(settings).all():
        assert topic.replication == 3
        assert topic.config["min.insync.replicas"] == "2"
    assert "flush.messages" not in Topics.of(settings).events.config


def test_every_group_reads_a_topic_that_there_is():
    named = {group.topic.replace("-", "_") for group in GROUPS.values()}
    assert named <= set(Topics.__struct_fields__)


def test_certificates_are_for_a_cluster_with_tls():
    for given in ({"AUTOLEARN_DASK": "tls://a:1"}, {"AUTOLEARN_DASK_TLS": "/keys"}):
        with pytest.raises(SettingsError, match="AUTOLEARN_DASK_TLS is for a scheduler at tls://"):
            load(given)
    assert load({"AUTOLEARN_DASK": "tcp://a:1"}).workers.cluster == DaskSettings(
        "tcp://a:1", rows=1_000_000
    )
