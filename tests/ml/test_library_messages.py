"""What libraries say, in words for people."""

import warnings

import numpy as np
import pytest

from autolearn.ml.captured_warnings import heard
from autolearn.ml.library_messages import STOPPED, sentence, words_of


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (f"only one class: {np.str_('a')!r}", "only one class: 'a'"),
        (f"got {np.float64(1.5)!r}, not {np.int64(3)!r}", "got 1.5, not 3"),
        (f"a list {[np.str_('a'), np.str_('b(c)')]}", "a list ['a', 'b(c)']"),
        (f"classes {np.array(['a', 'b'])!r} differ", "classes ['a', 'b'] differ"),
        (f"classes {np.array([1, 2], dtype=np.int8)!r} differ", "classes [1, 2] differ"),
        ("bootstrap=True, got None or False", "bootstrap=true, got null or false"),
        ("None of the rows is Trueish", "None of the rows is Trueish"),
        ("two\n   lines", "two lines"),
    ],
)
def test_python_is_taken_out_of_sentences(said: str, words: str) -> None:
    assert sentence(said) == words


def test_an_error_without_words_has_its_name() -> None:
    assert words_of(KeyError()) == "KeyError"


def test_warnings_of_the_user_are_told_once_and_ours_are_not() -> None:
    with heard() as said:
        for _ in range(3):
            warnings.warn("'n_jobs' has no effect since 1.8 and will be removed", FutureWarning, 2)
            warnings.warn("the 'verbose' parameter is deprecated", DeprecationWarning, 2)
            warnings.warn(f"odd value {np.str_('x')!r}", UserWarning, 2)
            warnings.warn("Some inputs do not have OOB scores.", UserWarning, 2)
    assert said == ["odd value 'x'", "Some inputs do not have OOB scores."]


@pytest.mark.parametrize(
    "text",
    [
        "lbfgs failed to converge after 1 iteration(s) (status=1):\nSTOP: LIMIT",
        "Solver terminated early (max_iter=1).  Consider pre-processing your data.",
        "The max_iter was reached which means the coef_ did not converge",
        "Liblinear failed to converge, increase the number of iterations.",
    ],
)
def test_a_fit_that_was_stopped_says_what_to_do(text: str) -> None:
    from sklearn.exceptions import ConvergenceWarning

    with heard() as said:
        warnings.warn(text, ConvergenceWarning, 2)
    assert said == [STOPPED]
