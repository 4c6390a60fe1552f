import shutil

import pytest
from cli_helpers import Case, write_case


@pytest.fixture(scope="session")
def made_case(tmp_path_factory):
    return write_case(tmp_path_factory.mktemp("case"))


@pytest.fixture
def case(made_case, tmp_path):
    """The files of the small case, in a folder of the test's own that is the current one."""
    folder = tmp_path / "case"
    shutil.copytree(made_case.folder, folder)
    return Case(folder, *(folder / path.name for path in list(vars(made_case).values())[1:]))
