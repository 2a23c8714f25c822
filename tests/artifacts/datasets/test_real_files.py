"""Files of packages on PyPI: each column is what a person takes it for."""

from tests.artifacts.datasets.real_files import CODES, FILES, right, wrong_columns


def test_there_are_thirty_files() -> None:
    assert len(FILES) >= 30


def test_columns_are_what_a_person_says() -> None:
    wrong = wrong_columns()
    assert right(wrong) >= 0.98, wrong
    # what we know to be wrong: a day written as a number, quarters, and firsts of months alone
    assert wrong.keys() == {
        ("statsmodels_co2.csv", "date"),
        ("statsmodels_danish.csv", "period"),
        ("frictionless_hotels.csv", "Date"),
    }


def test_codes_in_digits_are_numbers_to_a_reader() -> None:
    wrong = wrong_columns(codes_are_text=True)
    assert {wrong[column] for column in CODES} == {"number"}
