"""The stand-in of the Hub in a process of its own, with one file: its address is printed first.

python benchmarks/hub_server.py FILE SHA256
"""

import sys
import time
from pathlib import Path

from measure import HERE

sys.path.insert(0, str(HERE.parent))

from tests.fakes.hub import Hub, HubFile, HubRepo

with Hub(HubRepo("owner/model", {"model": HubFile(Path(sys.argv[1]), sha256=sys.argv[2])})) as hub:
    print(hub.address("owner/model", "model"), flush=True)
    while True:
        time.sleep(3600)
