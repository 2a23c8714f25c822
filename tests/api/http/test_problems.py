"""What is said of what there is not."""

from autolearn.api.http.problems import unknown


def test_a_name_in_another_case_is_the_one_that_is_meant():
    problem = unknown("dataset", "boolsJN", ["bools", "boolsjn"], "/v1/catalog/datasets")
    assert "Did you mean 'boolsjn'?" in str(problem.detail)
