"""How Kafka client settings reach Faust."""

import faust
import pytest

from autolearn.agents.faust_app import credentials
from autolearn.schemas.errors import SettingsError
from autolearn.schemas.settings import load

SASL = {
    "AUTOLEARN_KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
    "AUTOLEARN_KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
    "AUTOLEARN_KAFKA_SASL_USERNAME": "ada",
    "AUTOLEARN_KAFKA_SASL_PASSWORD": "secret",
}


def test_nothing_is_plain_text():
    assert credentials(load({}).kafka.client) is None


def test_sasl_over_tls():
    given = credentials(load(SASL).kafka.client)
    assert isinstance(given, faust.SASLCredentials)
    assert (given.username, given.password) == ("ada", "secret")
    assert given.mechanism.value == "SCRAM-SHA-512"
    assert given.ssl_context is not None
    assert given.ssl_context.check_hostname


def test_tls_alone():
    given = credentials({"security.protocol": "SSL"})
    assert isinstance(given, faust.SSLCredentials)


def test_a_mechanism_that_faust_does_not_know_is_refused_with_those_it_does():
    with pytest.raises(SettingsError) as refused:
        credentials(load(SASL | {"AUTOLEARN_KAFKA_SASL_MECHANISM": "OAUTHBEARER"}).kafka.client)
    assert "SCRAM-SHA-256" in refused.value.advice
