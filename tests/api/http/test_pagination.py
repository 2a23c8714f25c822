"""Pages of lists: where they end, and that each row is on one of them."""

import base64
from collections.abc import Callable

import pytest
from msgspec import Raw

from autolearn.api.http.pagination import from_token, page_of
from autolearn.api.http.problems import Problem
from autolearn.schemas.bounds import PAGE_BYTES, PAGE_COST


def walk(rows: list[str], limit: int, cost: Callable[[], int] = lambda: 0) -> list[list[int]]:
    """The numbers of the rows on each page, until there is no next."""
    pages, after = list[list[int]](), -1
    while True:
        looked: list[int] = []

        def shown(number: int, looked: list[int] = looked) -> str:
            looked.append(number)
            return rows[number]

        items, token = page_of(range(after + 1, len(rows)), limit, shown, int, cost)
        assert len(looked) <= len(items) + 1, "what is on no page is hardly looked at"
        assert sum(map(len, map(bytes, items))) <= PAGE_BYTES or len(items) == 1
        pages.append(looked[: len(items)])
        if token is None:
            return pages
        after = from_token(token, int, "page")


def test_a_page_ends_at_its_limit_and_the_last_has_no_next():
    assert walk(["x"] * 5, 2) == [[0, 1], [2, 3], [4]]
    assert walk(["x"] * 4, 2) == [[0, 1], [2, 3]]
    assert walk([], 2) == [[]]


def test_a_page_ends_at_its_bytes_and_one_row_comes_in_any_case():
    third, whole = "x" * (PAGE_BYTES // 3), "x" * (2 * PAGE_BYTES)
    assert walk([third] * 5, 100) == [[0, 1], [2, 3], [4]]
    assert walk([whole, "x", whole, whole], 100) == [[0], [1], [2], [3]]


def test_a_page_ends_when_it_has_cost_enough():
    assert walk(["x"] * 3, 100, lambda: PAGE_COST + 1) == [[0], [1], [2]]


def test_a_page_of_a_search_ends_by_its_cost_and_goes_on_behind_what_it_looked_at():
    looked = list[int]()

    def shown(number: int) -> str | None:
        looked.append(number)
        return "found" if number == 7 else None

    def cost() -> int:
        return len(looked) * PAGE_COST // 3 + 1

    items, token = page_of(range(9), 5, shown, int, cost)
    assert (items, looked) == ([], [0, 1, 2])
    assert from_token(token or "", int, "page") == 2
    assert page_of(range(9), 5, shown, int)[0] == [Raw(b'"found"')]


@pytest.mark.parametrize("number", [-1, 2**53 + 1, 10**400])
def test_a_number_that_no_list_has_is_no_token_of_it(number: int):
    token = base64.urlsafe_b64encode(str(number).encode()).decode().rstrip("=")
    with pytest.raises(Problem, match="not a token of this list") as raised:
        from_token(token, int, "page")
    assert raised.value.kind == "malformed-token"
