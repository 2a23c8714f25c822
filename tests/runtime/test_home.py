"""The folder of all data is for its user only."""

from pathlib import Path

from autolearn.runtime.home import home_of
from tests.support.settings import settings_of


def test_others_on_the_machine_cannot_look_into_a_new_home(tmp_path: Path):
    home = home_of(settings_of(home=str(tmp_path / "new")))
    assert home.stat().st_mode & 0o777 == 0o700
    home.chmod(0o750)
    assert home_of(settings_of(home=str(home))).stat().st_mode & 0o777 == 0o750, "it is its owner's"
