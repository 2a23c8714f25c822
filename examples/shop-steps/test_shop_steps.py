import pyarrow as pa
import pytest
from shop_steps import rare_categories

from autolearn.plugins import InputError
from autolearn.testing import run_step

TABLE = pa.table({"colour": ["red", "red", "red", "blue", None], "n": [1, 2, 3, 4, 5]})


def test_rare_categories_are_put_together() -> None:
    table, report, _ = run_step(rare_categories, TABLE, columns=["colour"], share=0.3)
    assert table["colour"].to_pylist() == ["red", "red", "red", "other", None]
    assert [(one.what, one.rows) for one in report.changes] == [("changed", 1)]


def test_wrong_parameters_are_refused() -> None:
    with pytest.raises(InputError, match="share must be number > 0 < 1; got 2"):
        run_step(rare_categories, TABLE, columns=["colour"], share=2)
    with pytest.raises(InputError, match=r"'color', which is no column .* perhaps colour"):
        run_step(rare_categories, TABLE, columns=["color"])
    with pytest.raises(InputError, match="the column n holds no text"):
        run_step(rare_categories, TABLE, columns=["n"])
