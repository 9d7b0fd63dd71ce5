"""Files with secrets are whole or not there, and their owner's alone."""

from __future__ import annotations

import pytest

from agent.private_file import write_private


@pytest.mark.parametrize("mode", [None, 0o666])
def test_the_file_is_the_owners_alone_also_where_it_was_not(tmp_path, mode):
    path = tmp_path / "file"
    if mode is not None:
        path.touch()
        path.chmod(mode)
    write_private(path, "secret")
    assert path.read_text() == "secret"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["file"]


def test_a_private_file_that_cannot_be_written_leaves_no_trace(tmp_path):
    with pytest.raises(UnicodeEncodeError):
        write_private(tmp_path / "file", "\ud800")
    assert list(tmp_path.iterdir()) == []
