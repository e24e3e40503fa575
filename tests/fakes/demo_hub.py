"""The stand-in of the Hub as a demonstration: `make demo-hub`, then search and pull from it.

It offers the starter model, whole and in a slow repository, one that asks for a licence, one whose
hash is wrong, and one that breaks off every few megabytes.
"""

import sys
import tempfile
import time
from pathlib import Path

from desktop_llm.storage.library import find_starter
from tests.fakes.gguf_files import gguf
from tests.fakes.hub import Fault, Hub, HubFile, HubRepo

PORT = 8765
NAME = "SmolLM2-135M-Instruct-Q4_1.gguf"
CARD = """---
license: apache-2.0
language: [en]
---
<div align="center"><img src="https://tracker.example/picture.png"></div>

# A small model

It answers short questions, and **makes mistakes**. Made for trying this program out.

| Quantization | For |
|---|---|
| Q4_1 | small computers |

1. Download it.
2. Ask it something: `What is a model?`

See [its makers](https://example.org/model).
"""


def main() -> int:
    starter = find_starter()
    if starter is None:
        print("The starter model is missing: make setup", file=sys.stderr)
        return 1
    file = HubFile(Path(starter.path))
    wrong = HubFile(file.path, sha256="0" * 64)
    with tempfile.TemporaryDirectory() as folder:
        small = Path(folder) / "tiny-Q8_0.gguf"
        small.write_bytes(gguf())
        readme = Path(folder) / "README.md"
        readme.write_text(CARD)
        card = {"README.md": HubFile(readme, lfs=False)}
        tags = ("gguf", "license:apache-2.0", "en")
        hub = Hub(
            HubRepo("demo/SmolLM2-135M-GGUF", {NAME: file, **card}, tags=tags, downloads=900),
            HubRepo("demo/Tiny-GGUF", {small.name: HubFile(small)}, tags=tags, downloads=50),
            HubRepo("demo/Gated-GGUF", {NAME: file, **card}, tags=tags, gated=True, downloads=40),
            HubRepo("demo/Damaged-GGUF", {NAME: wrong}, tags=tags, downloads=30),
            HubRepo("demo/Breaking-GGUF", {NAME: file}, tags=tags, downloads=20),
        )
        hub.delay = 0.05  # or there is nothing to see
        breaking = Fault("reset", after=3_000_000, times=10**9)
        breaking.fits = lambda path: "Breaking" in path
        hub.faults.append(breaking)
        hub.start(PORT)
        print(f"A Hub on this computer: {hub.url}  (its token: {hub.token})\n")
        print(f"  export HF_ENDPOINT={hub.url}")
        print("  .venv/bin/desktop-llm models search")
        print("  .venv/bin/desktop-llm models pull demo/SmolLM2-135M-GGUF\n")
        print("Ctrl+C ends it.", flush=True)
        try:
            while True:
                time.sleep(3600)
        except KeyboardInterrupt:
            hub.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
