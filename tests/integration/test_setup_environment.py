"""Preparing the environment with the real venv and the real pip, where the network is of no use."""

import os
import shutil
import signal
import socket
import subprocess
import sys

import pytest

from tests.scripts import ROOT


@pytest.fixture
def checkout(tmp_path):
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tmp_path / name)
    shutil.copytree(ROOT / "packaging", tmp_path / "packaging")
    (tmp_path / "desktop_llm").mkdir()
    shutil.copy(ROOT / "desktop_llm" / "__init__.py", tmp_path / "desktop_llm" / "__init__.py")
    return tmp_path


def start(checkout, **variables: str) -> subprocess.Popen[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
    return subprocess.Popen(
        [sys.executable, str(checkout / "packaging" / "setup_environment.py")],
        env={**clean, "PIP_CONFIG_FILE": os.devnull, **variables},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, encoding="utf-8",
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip


@pytest.mark.skipif(os.name != "posix", reason="Ctrl+C as a signal to a group")
def test_it_can_be_interrupted_and_says_what_stands_in_the_way(checkout):
    stamp = checkout / ".venv" / "desktop-llm.stamp"
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}/simple"
        silent.settimeout(120)
        process = start(checkout, PIP_INDEX_URL=address, PIP_NO_CACHE_DIR="1")
        try:
            connection, _ = silent.accept()  # pip waits for an answer that never comes
            with connection:
                os.killpg(process.pid, signal.SIGINT)
                said = process.communicate(timeout=60)[0]
        finally:
            process.kill()
            process.communicate()
    assert process.returncode == 130, said
    assert "Making the virtual environment" in said
    assert "takes it up again" in said
    assert not stamp.exists()

    process = start(checkout, PIP_NO_INDEX="1")
    said = process.communicate(timeout=120)[0]
    assert process.returncode == 1, said
    assert "Making the virtual environment" not in said
    assert "No network?" in said
    assert "Traceback" not in said.partition("Installing failed")[2]
    assert not stamp.exists()
