"""Preset files of strangers, and the texts in which parameters are written."""

import os
import stat

import pytest

from desktop_llm.core.errors import EnvironmentFault, FaultCode
from desktop_llm.core.presets import NAME_LENGTH, Parameters, Preset
from desktop_llm.services import preset_files
from desktop_llm.services.preset_files import read_presets, with_own_names, write_presets

PRESETS = [Preset(name="Precise", parameters=Parameters(temperature=0.2, stop=("a\nb",)))]


def test_what_is_written_is_read_again(tmp_path):
    path = tmp_path / "presets.json"
    path.write_text("old", encoding="utf-8")
    write_presets(path, PRESETS)
    assert read_presets(path).presets == tuple(PRESETS)
    assert read_presets(path).left_out == ()
    if os.name == "posix":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["presets.json"]


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"\xff\xfe\x00", b"[]", b'{"format": "other"}', b"[" * 100_000, b"9" * 5_000],
)
def test_what_is_no_presets_file_is_said_with_its_name(tmp_path, content):
    path = tmp_path / "strange.json"
    path.write_bytes(content)
    with pytest.raises(EnvironmentFault) as caught:
        read_presets(path)
    assert caught.value.code is FaultCode.NO_PRESETS_FILE
    assert caught.value.data["path"] == str(path)


def test_files_that_cannot_be_read(tmp_path, monkeypatch):
    with pytest.raises(EnvironmentFault) as caught:
        read_presets(tmp_path / "nothing.json")
    assert caught.value.code is FaultCode.FILE_UNREADABLE
    with pytest.raises(EnvironmentFault) as caught:
        read_presets(tmp_path)
    assert caught.value.code is FaultCode.NO_PRESETS_FILE
    monkeypatch.setattr(preset_files, "MOST_BYTES", 3)
    (tmp_path / "large.json").write_bytes(b"1234")
    with pytest.raises(EnvironmentFault) as caught:
        read_presets(tmp_path / "large.json")
    assert caught.value.code is FaultCode.FILE_TOO_LARGE


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes in folders here")
def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(EnvironmentFault) as caught:
        read_presets(tmp_path / "pipe")
    assert caught.value.code is FaultCode.NO_PRESETS_FILE


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    path = tmp_path / "none" / "presets.json"
    with pytest.raises(EnvironmentFault) as caught:
        write_presets(path, PRESETS)
    assert caught.value.code is FaultCode.FILE_UNWRITABLE
    assert caught.value.data["path"] == str(path)


def test_a_name_that_is_taken_gets_a_number():
    given = [Preset(name=name) for name in ("A", "A", "B", "A (2)", "x" * NAME_LENGTH)]
    names = [preset.name for preset in with_own_names(given, ["A", "x" * NAME_LENGTH])]
    assert names == ["A (2)", "A (3)", "B", "A (2) (2)", "x" * (NAME_LENGTH - 4) + " (2)"]
