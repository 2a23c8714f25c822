"""Rates of grants: how much a user may ask of a model in a second."""

from autolearn.runtime.token_bucket import GrantPaces
from autolearn.schemas.rest.models import ModelGrant


def test_requests_and_rows_of_a_user_to_a_model_are_bounded():
    now = [0.0]
    paces = GrantPaces(lambda: now[0])
    grant = ModelGrant("eve", "predict", "", requests_per_second=10, rows_per_second=50)
    assert [paces.take("eve", "m", 5, grant) for _ in range(20)] == [0.0] * 20
    assert paces.take("eve", "m", 5, grant) == 0.1, "both buckets are empty"
    assert paces.take("eve", "other", 5, grant) == paces.take("bob", "m", 5, grant) == 0.0
    now[0] += 0.5
    assert paces.take("eve", "m", 20, grant) == 0.0
    assert paces.take("eve", "m", 20, grant) == 0.3, "requests are left, rows are not"
    assert paces.take("eve", "m", 5, grant) == 0.0, "what was refused is not counted"


def test_a_large_request_is_owed():
    now = [0.0]
    paces = GrantPaces(lambda: now[0])
    grant = ModelGrant("eve", "predict", "", rows_per_second=50)
    assert paces.take("eve", "m", 1000, grant) == 0.0
    assert paces.take("eve", "m", 1, grant) == 901 / 50
    now[0] += 901 / 50
    assert paces.take("eve", "m", 1, grant) == 0.0


def test_without_a_limit_nothing_is_kept():
    paces = GrantPaces(lambda: 0.0)
    for grant in (None, ModelGrant("eve", "predict", "")):
        assert [paces.take("eve", "m", 10**6, grant) for _ in range(3)] == [0.0] * 3
    assert not paces.buckets
    limited = ModelGrant("eve", "predict", "", requests_per_second=1)
    for number in range(20_000):
        paces.take(f"u{number}", "m", 1, limited)
    assert len(paces.buckets) <= 10_000
