"""The files by which a Linux desktop knows the program."""

import configparser
import os
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from desktop_llm import __version__
from desktop_llm.resources import resource
from tests.scripts import ROOT, load_script

VALIDATE = load_script("linux", "validate.py")
ENTRY, METAINFO, missing = VALIDATE.ENTRY, VALIDATE.METAINFO, VALIDATE.missing
LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="a script for Linux desktops")


def entry_of(path: Path) -> configparser.SectionProxy:
    parser = configparser.ConfigParser(interpolation=None, delimiters="=")
    parser.optionxform = str  # type: ignore[method-assign,assignment]
    parser.read(path, encoding="utf-8")
    return parser["Desktop Entry"]


@pytest.mark.skipif(bool(missing()), reason="desktop-file-utils and appstream are not installed")
@pytest.mark.parametrize("command", VALIDATE.COMMANDS, ids=lambda command: command[0])
def test_the_desktops_own_tools_find_nothing(command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_entry_says_all_in_both_languages():
    entry = entry_of(ENTRY)
    for key in ("Name", "GenericName", "Comment", "Keywords"):
        assert entry[key].isascii()
        assert not entry[f"{key}[zh_CN]"].isascii()
    assert entry["Exec"] == entry["StartupWMClass"] == ENTRY.stem
    assert resource("icons", f"{entry['Icon']}.svg").is_file()


def test_the_windows_name_is_that_of_the_entry():
    """The desktop finds the entry, and with it the icon, by the name the window gives itself."""
    source = (ROOT / "desktop_llm" / "app.py").read_text(encoding="utf-8")
    assert f'setDesktopFileName("{ENTRY.stem}")' in source


def test_the_metainfo_belongs_to_this_version():
    component = ElementTree.parse(METAINFO).getroot()
    assert component.findtext("id") == METAINFO.name.removesuffix(".metainfo.xml")
    assert component.findtext("launchable") == ENTRY.name
    assert component.findtext("icon") == entry_of(ENTRY)["Icon"]
    assert component.findtext("project_license") == "Apache-2.0"
    assert component.findtext("metadata_license") == "CC0-1.0"
    assert component.find("content_rating") is not None
    newest = component.find("releases/release")
    assert newest is not None
    assert newest.get("version") == __version__


def test_the_metainfo_says_all_in_both_languages():
    for parent in ElementTree.parse(METAINFO).iter():
        for tag in ("name", "summary", "p", "li", "developer_name"):
            languages = [child.get(LANGUAGE) for child in parent.findall(tag)]
            assert languages.count(None) == languages.count("zh_CN"), (parent.tag, tag)


def test_the_metainfo_names_no_picture_that_nobody_serves():
    assert "http" not in METAINFO.read_text(encoding="utf-8")


@pytest.fixture
def checkout(tmp_path):
    """A checkout with a program that was set up, in a folder whose name a shell could trip over."""
    root = tmp_path / "a $folder"
    shutil.copytree(ENTRY.parent, root / "packaging" / "linux")
    shutil.copytree(ROOT / "resources" / "icons", root / "resources" / "icons")
    program = root / ".venv" / "bin" / "desktop-llm"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n", encoding="ascii")
    program.chmod(0o755)
    return root


@on_linux
def test_it_installs_for_one_person_and_goes_again(tmp_path, checkout):
    data = tmp_path / "data home"

    def install(*arguments: str) -> None:
        subprocess.run(
            ["sh", str(checkout / "packaging" / "linux" / "install.sh"), *arguments],
            env={**os.environ, "XDG_DATA_HOME": str(data)}, check=True, stdout=subprocess.DEVNULL,
        )  # fmt: skip

    install()
    entry = data / "applications" / ENTRY.name
    program = str(checkout / ".venv" / "bin" / "desktop-llm").replace("$", "\\\\$")
    assert entry_of(entry)["Exec"] == f'"{program}"'
    assert (data / "icons/hicolor/scalable/apps/desktop-llm.svg").is_file()
    assert (data / "metainfo" / METAINFO.name).read_bytes() == METAINFO.read_bytes()
    if not missing():
        subprocess.run(["desktop-file-validate", str(entry)], check=True)
    install()
    install("--uninstall")
    install("--uninstall")
    assert [path for path in data.rglob("*") if path.is_file()] == []


@on_linux
def test_it_does_not_install_an_entry_that_starts_nothing(tmp_path, checkout):
    (checkout / ".venv" / "bin" / "desktop-llm").unlink()
    done = subprocess.run(
        ["sh", str(checkout / "packaging" / "linux" / "install.sh")],
        env={"PATH": os.defpath, "XDG_DATA_HOME": str(tmp_path / "data")},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "make setup" in done.stderr
    assert not (tmp_path / "data").exists()
