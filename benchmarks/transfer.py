"""The transfer against `curl | sha256sum`, its memory, and what a kill at any moment costs.

    python benchmarks/transfer.py throughput FILE ADDRESS SHA256 FOLDER
    python benchmarks/transfer.py kills FILE FOLDER COUNT
    python benchmarks/transfer.py fetch ADDRESS SIZE SHA256 TARGET

The server of the throughput is another process on this computer (`hub_server.py`).
"""

import hashlib
import json
import mmap
import os
import random
import signal
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from desktop_llm.core.downloads import RemoteFile
from desktop_llm.core.network import Contact, Purpose, Why
from desktop_llm.hub.connections import Connections, Reply
from desktop_llm.hub.download import Download, Patience
from desktop_llm.hub.partial import discard
from tests.fakes.hub import Hub, HubFile, HubRepo


def fetch(address: str, size: str, sha256: str, target: str) -> None:
    """Once; prints the seconds, the bytes that came over the network, the memory it took."""
    process, peak, over = psutil.Process(), [0], threading.Event()
    received = [0]

    def record(contact: Contact) -> None:
        received[0] += contact.received

    counted = _counting(Path(f"{target}.received"))
    connections = Connections(record=record)
    file = RemoteFile(url=address, name="model", size=int(size), sha256=sha256)
    with connections.get(address, Purpose(Why.DOWNLOAD), {"Range": "bytes=0-0"}) as reply:
        list(reply.pieces())
    idle = process.memory_info().rss

    def watch() -> None:
        while not over.wait(0.05):
            peak[0] = max(peak[0], process.memory_info().rss)

    watcher = threading.Thread(target=watch)
    watcher.start()
    begun = time.perf_counter()
    Download(connections, file, Path(target)).run()
    seconds = time.perf_counter() - begun
    over.set()
    watcher.join()
    connections.close()
    counted.close()
    grown = (peak[0] - idle) / 1e6
    print(json.dumps({"seconds": seconds, "received": received[0], "grown_megabytes": grown}))


def throughput(file: str, address: str, sha256: str, folder: str) -> None:
    size = Path(file).stat().st_size
    target = Path(folder) / "model"
    begun = time.perf_counter()
    subprocess.run(
        f"curl -sL '{address}' | sha256sum", shell=True, check=True, stdout=subprocess.DEVNULL
    )
    curl = time.perf_counter() - begun
    command = [sys.executable, __file__, "fetch", address, str(size), sha256, str(target)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    target.unlink()
    answer = json.loads(done.stdout.splitlines()[-1])
    ours = answer["seconds"]
    print(
        json.dumps(
            {
                "ours": size / ours / 1e6, "curl": size / curl / 1e6,
                "grown_megabytes": answer["grown_megabytes"],
            }
        )
    )  # fmt: skip


def kills(file: str, folder: str, count: str) -> None:
    """Killed at random moments: bytes that had arrived and are not kept, for each connection."""
    size, target = Path(file).stat().st_size, Path(folder) / "model"
    twice: list[float] = []
    with Hub(HubRepo("owner/model", {"model": HubFile(Path(file))})) as hub:
        hub.delay = 0.004  # or it is over before it can be killed
        sha256 = hub.repos["owner/model"].files["model"].sha256
        address = hub.address("owner/model", "model")
        command = [sys.executable, __file__, "fetch", address, str(size), sha256, str(target)]
        chance = random.Random(5)
        while len(twice) < int(count):
            sent, known, received = hub.sent, _known(target), _received(target)
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
            while hub.sent == sent and process.poll() is None:
                time.sleep(0.001)
            time.sleep(chance.random() * 0.4)
            process.send_signal(signal.SIGKILL)
            process.wait()
            if target.exists():  # it was quicker
                target.unlink()
                discard(target.with_name(f"{target.name}.part"))
                continue
            lost = (_received(target) - received) - (_known(target) - known)
            twice.append(max(0, lost) / Patience().connections / 1e6)
        hub.delay = 0.0
        subprocess.run(command, capture_output=True, check=True)
    with target.open("rb") as opened:
        sound = hashlib.file_digest(opened, "sha256").hexdigest() == sha256
    target.unlink()
    print(json.dumps({"megabytes": twice, "sound": sound}))


def _counting(path: Path) -> mmap.mmap:
    """From now on every byte of an answer is counted in that file, however this process ends."""
    if not path.exists():
        path.write_bytes(bytes(8))
    with path.open("r+b") as opened:
        memory = mmap.mmap(opened.fileno(), 8)
    lock, usual = threading.Lock(), Reply.pieces

    def pieces(reply: Reply) -> Iterator[bytes]:
        for piece in usual(reply):
            with lock:
                memory[:] = struct.pack("<Q", struct.unpack("<Q", memory[:])[0] + len(piece))
            yield piece

    Reply.pieces = pieces  # type: ignore[method-assign]
    return memory


def _received(target: Path) -> int:
    try:
        return int(struct.unpack("<Q", Path(f"{target}.received").read_bytes())[0])
    except OSError:
        return 0


def _known(target: Path) -> int:
    """Bytes that the next run will not fetch again."""
    try:
        data = target.with_name(f"{target.name}.part.now").read_bytes()
    except OSError:
        return 0
    return sum(struct.unpack(f"<{len(data) // 8}Q", data))


if __name__ == "__main__":
    os.umask(0o077)
    {"fetch": fetch, "throughput": throughput, "kills": kills}[sys.argv[1]](*sys.argv[2:])
