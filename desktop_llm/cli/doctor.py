"""`doctor`: what a person, or a bug report, needs to know of this installation."""

import argparse
import json
import platform
import sys
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from desktop_llm import __version__
from desktop_llm.engine.client import EngineClient
from desktop_llm.storage.library import Library
from desktop_llm.storage.paths import resolve_folders

PACKAGES = ("PySide6_Essentials", "llama-cpp-python", "apsw", "msgspec", "jinja2")


def register(groups: Any) -> None:
    parser = groups.add_parser("doctor", help="check this installation")
    parser.add_argument("--json", action="store_true")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    import psutil

    folders = resolve_folders(options.data_dir)
    memory = psutil.virtual_memory()
    report: dict[str, Any] = {
        "program": __version__,
        "python": platform.python_version(),
        "system": platform.platform(),
        "packages": {name: _version(name) for name in PACKAGES},
        "cpu_features": _cpu_features(),
        "memory_bytes": memory.total,
        "memory_free_bytes": memory.available,
        "data_folder": str(folders.data),
        "models": [model.name for model in Library(folders).models()],
    }
    engine = EngineClient()
    try:
        started = time.perf_counter()
        engine.status().result(60)
        report["worker_round_trip_seconds"] = round(time.perf_counter() - started, 3)
        report["worker"] = engine.hello.runtime if engine.hello else ""
    finally:
        engine.close()
    if options.json:
        print(json.dumps(report, ensure_ascii=False))
    else:
        for name, value in report.items():
            print(f"{name:28} {value}")
    return 0


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "missing"


def _cpu_features() -> list[str]:
    """Vector extensions that llama.cpp's kernels use, where the system tells."""
    if sys.platform != "linux":
        return []
    wanted = {"avx", "avx2", "fma", "f16c", "avx512f", "avx512_vnni", "avx_vnni", "asimd", "i8mm"}
    try:
        with Path("/proc/cpuinfo").open(encoding="ascii", errors="replace") as file:
            for line in file:
                if line.startswith(("flags", "Features")):
                    return sorted(wanted.intersection(line.split()))
    except OSError:
        pass
    return []
