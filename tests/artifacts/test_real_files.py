"""Files of packages on PyPI: each column is what a person takes it for."""

from tests.artifacts.real_files import FILES, right, wrong_columns


def test_there_are_thirty_files() -> None:
    assert len(FILES) >= 30


def test_columns_are_what_a_person_says() -> None:
    wrong = wrong_columns()
    assert right(wrong) >= 0.98, wrong
    # what we know to be wrong: a day written as a number, and quarters
    assert set(wrong) == {("statsmodels_co2.csv", "date"), ("statsmodels_danish.csv", "period")}
