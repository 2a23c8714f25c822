"""Where read models lie: which folder is in use, and in which the next rebuild folds."""

from pathlib import Path

import pytest

from autolearn.projections.rebuild.store_folders import ViewsPlace


def test_a_folder_that_was_in_use_never_becomes_the_beginning_of_a_rebuild(tmp_path: Path):
    place, seen = ViewsPlace(tmp_path), []
    for _ in range(4):
        seen.append(place.used)
        new = place.spare()
        assert new not in seen
        new.mkdir()
        place.switch(new)
        assert place.used == new
        assert [folder for folder in tmp_path.iterdir() if folder.is_dir()] == [new]


@pytest.mark.parametrize(
    ("words", "used", "spare"),
    [
        ("", "views", "views-2"),
        ("views-2\n", "views-2", "views-3"),
        ("views-2-catalog\n", "views", "views-2"),
        ("../views-2", "views", "views-2"),
    ],
)
def test_the_folder_in_use_is_below_that_of_the_process(
    tmp_path: Path, words: str, used: str, spare: str
):
    (tmp_path / "current").write_text(words)
    place = ViewsPlace(tmp_path)
    assert (place.used, place.spare()) == (tmp_path / used, tmp_path / spare)
