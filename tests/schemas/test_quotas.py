"""The table of quotas: each has a setting, and a refusal says who can raise it."""

import pytest
from msgspec.structs import replace

from autolearn.schemas.quotas import QUOTAS, exceeded, limit_of, source_of
from autolearn.schemas.settings import QuotaSettings, Settings, load


def test_every_quota_setting_is_in_the_table():
    fields = {name.replace("_", "-") for name in QuotaSettings.__struct_fields__}
    assert fields == set(QUOTAS)


@pytest.mark.parametrize("name", QUOTAS)
def test_a_limit_of_ones_own_goes_before_the_setting(name: str):
    variable = source_of(name, None)
    settings = load({variable: "7"})
    quotas = replace(Settings().quotas, **{name.replace("-", "_"): 7})
    assert settings == replace(Settings(), quotas=quotas)
    assert (limit_of(name, None, quotas), limit_of(name, 0, quotas)) == (7, 0)
    assert source_of(name, 0) != variable


def test_a_refusal_says_the_bound_its_value_and_who_can_raise_it():
    words = exceeded("sessions", "ada", 1000, 1000)
    assert "1,000 open sessions" in words
    assert "AUTOLEARN_QUOTA_SESSIONS" in words
    assert "autolearn admin quota ada --set sessions=N" in words
    assert "admin quota" not in exceeded("sessions", "", 1, 1), "nobody is known"


@pytest.mark.parametrize("name", [one for one in QUOTAS if "pipeline" in QUOTAS[one].kinds])
def test_a_refusal_of_a_pipeline_says_what_to_do(name: str):
    words = exceeded(name, "pipeline/churn", 20, 20)
    assert words.startswith(f"The pipeline churn has 20 {QUOTAS[name].words}")
    assert f"`autolearn pipeline quota churn --set {name}=N`" in words
    assert source_of(name, None) in words
