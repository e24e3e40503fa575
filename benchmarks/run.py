"""Every number the program promises, measured in one run and printed as a table and as JSON.

    python benchmarks/run.py [--rounds N] [--only PART,PART,…] [--seed N]
                             [--json FILE] [--peer LLAMA_SERVER]

What is compared is measured in turns, so that a noisy machine is noisy for both; the table gives
medians with the least and the greatest, and the median of the ratios pair by pair.
"""

import argparse
import json
import platform
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
from measure import (
    HERE,
    Row,
    Series,
    as_json,
    busy,
    child,
    hub_of,
    paired_ratio,
    screen,
    starter,
    table,
)

from desktop_llm import __version__
from desktop_llm.worker.cores import usable_cores

TOKENS = 256
LONG = 1500
DATA = HERE.parent.parent / "shared" / "data"  # beside a checkout, where there are any
RESULTS = HERE / "results" / "latest.json"


def main() -> int:
    parts: dict[str, Callable[[argparse.Namespace], list[Row]]] = {
        "decode": decode, "busy": beside_busy, "window": window_start, "stall": stall,
        "opening": opening, "streaming": streaming, "list": long_list,
        "search": search, "returning": returning, "confidence": confidence, "kills": kills,
        "headers": headers, "transfer": transfer, "fit": fit,
        "optimise": optimise, "difference": difference_view, "summary": long_summary,
        "sentiment": sentiment, "tables": killed_table,
    }  # fmt: skip
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default=",".join(parts))
    parser.add_argument("--seed", type=int, default=1, help="of the kills' moments")
    parser.add_argument("--json", type=Path, default=RESULTS)
    parser.add_argument("--peer", type=Path, help="llama-server to be measured too")
    parser.add_argument(
        "--data", type=Path, default=DATA, help="public data sets; see sentiment.py"
    )
    options = parser.parse_args()
    rows: list[Row] = []
    failed: list[str] = []
    with screen() as shown_on:
        for name in options.only.split(","):
            print(f"{name} …", file=sys.stderr, flush=True)
            try:
                rows += parts[name](options)
            except (RuntimeError, subprocess.TimeoutExpired) as error:
                print(f"{name} failed: {error}", file=sys.stderr)  # the others count all the same
                failed.append(name)
    print(table(rows))
    options.json.parent.mkdir(parents=True, exist_ok=True)
    report = {
        "program": __version__,
        "python": platform.python_version(),
        "system": platform.platform(),
        "cores": usable_cores(),
        "memory_bytes": psutil.virtual_memory().total,
        "screen": shown_on,
        "when": time.strftime("%Y-%m-%d %H:%M"),
        "failed": failed,
        "rows": as_json(rows),
    }
    options.json.write_text(json.dumps(report, indent=1), encoding="utf-8")
    return 1 if failed or any(row.met is False for row in rows) else 0


def decode(options: argparse.Namespace) -> list[Row]:
    """Greedy tokens through the whole stack, against a bare loop."""
    bare, stack, window = Series("tok/s"), Series("tok/s"), Series("tok/s")
    first_bare, first, first_window, first_ever = (Series("s") for _ in range(4))
    peer, first_peer = Series("tok/s"), Series("s")
    threads, model = usable_cores(), starter()
    before = child("bare_loop.py", model, threads, TOKENS)
    for _ in range(options.rounds):
        answer = child("stack.py", model, TOKENS)
        stack.values.append(answer["tokens_per_second"])
        first.values.append(answer["first_token_seconds"])
        first_ever.values.append(answer["first_reply_seconds"])
        answer = child("window_reply.py", TOKENS)
        window.values.append(answer["tokens_per_second"])
        first_window.values.append(answer["first_token_seconds"])
        if options.peer is not None:
            answer = child("peer.py", options.peer, model, threads, TOKENS)
            peer.values.append(answer["tokens_per_second"])
            first_peer.values.append(answer["first_token_seconds"])
        after = child("bare_loop.py", model, threads, TOKENS)
        bare.values.append(_mean(before, after, "tokens_per_second"))
        first_bare.values.append(_mean(before, after, "first_token_seconds"))
        before = after
    rows = [
        _at_least("256 tokens, whole stack / bare loop", stack, bare, 0.97),
        _at_least("256 tokens, in the window / bare loop", window, bare, None),
        Row("first token, whole stack / bare loop", first, first_bare,
            paired_ratio(first, first_bare)),
        Row("first token, in the window / bare loop", first_window, first_bare,
            paired_ratio(first_window, first_bare)),
        Row("first token of the first reply after loading", first_ever),
    ]  # fmt: skip
    if options.peer is not None:
        rows.append(_at_least("256 tokens, whole stack / llama-server", stack, peer, None))
        rows.append(Row("first token, whole stack / llama-server", first, first_peer,
                        paired_ratio(first, first_peer)))  # fmt: skip
    return rows


def _mean(before: dict[str, float], after: dict[str, float], name: str) -> float:
    """The bare loop as it ran on both sides of what is compared with it: the machine drifts."""
    return (before[name] + after[name]) / 2


def beside_busy(options: argparse.Namespace) -> list[Row]:
    """The same beside busy processes, against that loop at a fixed number of threads."""
    rows = []
    threads, model = usable_cores(), starter()
    for count in (1, 2):
        bare, stack = Series("tok/s"), Series("tok/s")
        first_bare, first = Series("s"), Series("s")
        with busy(count):
            for _ in range(options.rounds):
                answer = child("bare_loop.py", model, threads, TOKENS)
                bare.values.append(answer["tokens_per_second"])
                first_bare.values.append(answer["first_token_seconds"])
                answer = child("stack.py", model, TOKENS)
                stack.values.append(answer["tokens_per_second"])
                first.values.append(answer["first_token_seconds"])
        words = f"beside {count} busy process{'es' if count > 1 else ''}"
        name = f"256 tokens {words}, stack / loop of {threads}"
        rows.append(_at_least(name, stack, bare, 1.5 if count == 1 else None))
        rows.append(Row(f"first token {words}, stack / loop of {threads}", first, first_bare,
                        paired_ratio(first, first_bare)))  # fmt: skip
    return rows


def window_start(options: argparse.Namespace) -> list[Row]:
    """Process start to exposed window, and the window's memory."""
    seconds, bare_seconds, ready = Series("s"), Series("s"), Series("s")
    memory, bare_memory = Series("MB"), Series("MB")
    heavy: set[str] = set()
    for at in range(options.rounds + 1):
        bare = child("window_start.py", time.time(), "--bare")
        own = child("window_start.py", time.time())
        if at == 0:
            continue  # warm from here on
        bare_seconds.values.append(bare["exposed_seconds"])
        seconds.values.append(own["exposed_seconds"])
        ready.values.append(own["ready_seconds"])
        bare_memory.values.append(bare["pss_megabytes"])
        memory.values.append(own["pss_megabytes"])
        heavy.update(own["heavy"])
    slower, larger = paired_ratio(seconds, bare_seconds), paired_ratio(memory, bare_memory)
    return [
        Row("process start to exposed window / bare QMainWindow", seconds, bare_seconds, slower,
            "<= 0.5 s, <= 2", seconds.median <= 0.5 and slower <= 2),
        Row("process start to a window that takes a question", ready),
        Row("window's memory (PSS) / bare QMainWindow", memory, bare_memory, larger,
            "<= 110 MB, <= 2", memory.median <= 110 and larger <= 2),
        Row("heavy modules imported in the window", Series("", [len(heavy)]), bound="0",
            met=not heavy),
    ]  # fmt: skip


def stall(options: argparse.Namespace) -> list[Row]:
    """How long the window is deaf while 1,500 tokens of Markdown stream into it."""
    p99, longest, speed = Series("ms"), Series("ms"), Series("tok/s")
    for _ in range(max(1, options.rounds - 2)):
        answer = child("window_reply.py", LONG, "--long")
        p99.values.append(answer["stall_p99_ms"])
        longest.values.append(answer["stall_longest_ms"])
        speed.values.append(answer["tokens_per_second"])
    return [
        Row("event-loop stall, 1,500 tokens, p99", p99, bound="<= 8 ms", met=p99.median <= 8),
        Row("event-loop stall, 1,500 tokens, longest", longest, bound="<= 33 ms",
            met=max(longest.values) <= 33),
        Row("speed of those 1,500 tokens", speed),
    ]  # fmt: skip


def streaming(options: argparse.Namespace) -> list[Row]:
    """4,000 tokens with code, tables and formulas at 50 tokens/s, without a model."""
    longest, share = Series("ms"), Series("% of a core")
    for _ in range(max(1, options.rounds // 3)):
        answer = child("streaming.py", 4000, 50)
        longest.values.append(answer["stall_longest_ms"])
        share.values.append(100 * answer["core_share"])
    return [
        Row("event-loop stall, 4,000 rich tokens, longest", longest, bound="<= 50 ms",
            met=max(longest.values) <= 50),
        Row("showing them", share, bound="<= 5 %", met=share.median <= 5),
    ]  # fmt: skip


def opening(options: argparse.Namespace) -> list[Row]:
    rows = []
    for count, most in ((300, 100), (1000, 200)):
        shown = Series("ms")
        for _ in range(options.rounds):
            shown.values.append(child("opening.py", count)["milliseconds"])
        rows.append(Row(f"{count:,} messages shown", shown, bound=f"<= {most} ms",
                        met=shown.median <= most))  # fmt: skip
    return rows


def long_list(options: argparse.Namespace) -> list[Row]:
    from long_list import report

    count = 10_000
    return report(count, child("long_list.py", count, "--rounds", options.rounds))


def returning(options: argparse.Namespace) -> list[Row]:
    """Back to a conversation of 1,500 tokens, the model already loaded."""
    cold, memory, disk, start = Series("s"), Series("s"), Series("s"), Series("s")
    for _ in range(max(1, options.rounds - 2)):
        answer = child("returning.py", starter(), 1500)
        cold.values.append(answer["cold_seconds"])
        memory.values.append(answer["memory_seconds"])
        disk.values.append(answer["disk_seconds"])
        start.values.append(answer["start_seconds"])
    from_memory, from_disk = paired_ratio(memory, cold), paired_ratio(disk, cold)
    return [
        Row("first token, back from another conversation / read anew", memory, cold, from_memory,
            "<= 0.05", from_memory <= 0.05),
        Row("first token, after a restart / read anew", disk, cold, from_disk,
            "<= 0.05", from_disk <= 0.05),
        Row("process and model of that restart", start),
    ]  # fmt: skip


def confidence(options: argparse.Namespace) -> list[Row]:
    """Noting how sure the model was of each token, of the smallest model: the dearest case."""
    answer = child("confidence.py", starter(), "--rounds", 4 + 2 * options.rounds)
    noted, plain = Series("tok/s", answer["noted"]), Series("tok/s", answer["plain"])
    ratio = paired_ratio(noted, plain)
    return [Row("decode with each token's probability / without", noted, plain, ratio,
                ">= 0.97", ratio >= 0.97)]  # fmt: skip


def search(options: argparse.Namespace) -> list[Row]:
    answer = child("search.py", 100_000, "--rounds", options.rounds)
    rows = []
    for query, milliseconds in answer["milliseconds"].items():
        found = Series("ms", milliseconds)
        rows.append(Row(f"search for “{query}” in 100,000 messages", found, bound="<= 50 ms",
                        met=found.median <= 50))  # fmt: skip
    return rows


def kills(options: argparse.Namespace) -> list[Row]:
    """Thirty kills; `kills.py` makes as many as are wanted."""
    import tempfile

    from kills import run

    with tempfile.TemporaryDirectory() as folder:
        found = run(Path(folder), 30, seed=options.seed)
    faults = sum(bool(kill.faults) for kill in found)
    behind = Series("ms", [1000 * kill.behind for kill in found] or [0.0])
    return [
        Row("30 kills: something lost or left", Series("", [faults]), bound="0", met=not faults),
        Row("30 kills: partial reply behind", behind, bound="<= 500 ms",
            met=max(behind.values) <= 500),
    ]  # fmt: skip


def headers(_options: argparse.Namespace) -> list[Row]:
    """10,000 mutated headers of models."""
    answer = child("headers.py", 10_000)
    longest = Series("ms", [answer["longest_milliseconds"]])
    peak = Series("MB", [answer["peak_megabytes"]])
    crashes = Series("", [answer["crashes"]])
    return [
        Row("10,000 mutated headers: crashes", crashes, bound="0", met=not answer["crashes"]),
        Row("10,000 mutated headers: longest", longest, bound="<= 100 ms",
            met=longest.median <= 100),
        Row("10,000 mutated headers: memory", peak, bound="<= 64 MB", met=peak.median <= 64),
    ]  # fmt: skip


def fit(_options: argparse.Namespace) -> list[Row]:
    """The estimated memory against the worker's, in twelve ways of loading."""
    off = [100 * (row["estimated"] / row["taken"] - 1) for row in child("fit.py")]
    worst = Series("%", [max(off, key=abs)])
    name = "memory estimated, against what is taken: furthest off of 12"
    return [Row(name, worst, bound="<= 10 %", met=abs(worst.median) <= 10)]


def optimise(options: argparse.Namespace) -> list[Row]:
    """The starter model in faster formats: how much faster it reads, what that costs."""
    reads, costs, rows = {}, {}, []
    for _ in range(options.rounds):
        for one in child("optimise.py"):
            reads.setdefault(one["form"], Series("")).values.append(one["reads"])
            costs.setdefault(one["form"], Series("%")).values.append(one["costs"])
    for form, series in reads.items():
        exact = form == "Q8_0"
        rows += [
            Row(f"starter as {form}: reads times as fast", series,
                bound=">= 1.5" if exact else "", met=series.median >= 1.5 if exact else None),
            Row(f"starter as {form}: perplexity", costs[form],
                bound="<= 2 %" if exact else "", met=costs[form].median <= 2 if exact else None),
        ]  # fmt: skip
    return rows


def difference_view(options: argparse.Namespace) -> list[Row]:
    """Two long texts compared, and their difference on the screen."""
    compared, chinese, shown = Series("s"), Series("s"), Series("s")
    for _ in range(options.rounds):
        answer = child("difference_view.py")
        compared.values.append(answer["compared"])
        chinese.values.append(answer["compared_chinese"])
        shown.values.append(answer["shown"])
    return [
        Row("difference of two texts of 5,000 words, compared", compared),
        Row("the same of 8,000 Chinese characters", chinese),
        Row("the same of 5,000 words until it is shown", shown, bound="<= 0.2 s",
            met=shown.median <= 0.2),
    ]  # fmt: skip


def sentiment(options: argparse.Namespace) -> list[Row]:
    """Once: SST-2 is scored whole. Left out where its data are not there."""
    data = options.data / "sentiment"
    if not (data / "sst2_dev.csv").exists():
        print(f"no data in {data}", file=sys.stderr)
        return []
    answer = child("sentiment.py", data, *([options.peer] if options.peer else []))
    found, plain = Series("", [answer["accuracy"]]), Series("", [answer["plain"]])
    interval = f"{answer['low']:.3f} to {answer['high']:.3f}"
    ours = Series("rows/s", answer["rows_a_second"])
    error = Series("", [answer["ece"]])
    change = Series("nats", [answer["largest_change"]])
    rows = [
        Row(f"SST-2, {answer['rows']} rows, accuracy ({interval}) / plain prompt", found, plain,
            found.median / plain.median, ">= 1, wished 0.75", found.median >= plain.median),
        Row("its calibration error", error, bound="<= 0.10", met=error.median <= 0.10),
        Row(f"batches against one by one, log-odds; {answer['flips']} labels flip", change,
            bound="<= 0.5", met=change.median <= 0.5),
    ]  # fmt: skip
    if "peer_rows_a_second" not in answer:
        return [*rows, Row("rows a second", ours)]
    theirs = Series("rows/s", answer["peer_rows_a_second"])
    faster = Series("rows/s", answer["faster_rows_a_second"])
    for name, series, least in (("the same file", ours, 1.0), ("as Q8_0", faster, 1.5)):
        ratio = paired_ratio(series, theirs)
        rows.append(
            Row(f"labels, {name} / llama-server one by one", series, theirs, ratio,
                f">= {least}", ratio >= least)
        )  # fmt: skip
    return rows


def long_summary(_options: argparse.Namespace) -> list[Row]:
    """Once: it takes minutes."""
    answer = child("long_summary.py", 100)
    late, early = Series("MB", [answer["memory_late"]]), Series("MB", [answer["memory_early"]])
    ratio = paired_ratio(late, early)
    twice = Series("parts", [answer["made_twice"]])
    return [
        Row(f"a summary of 100 pages in {answer['parts']} parts: memory at its end / early", late,
            early, ratio, "<= 1.1", ratio <= 1.1),
        Row("the same killed and begun again: made twice", twice, bound="0",
            met=answer["made_twice"] == 0),
    ]  # fmt: skip


def killed_table(options: argparse.Namespace) -> list[Row]:
    """Once: it takes minutes."""
    answer = child("tables.py", "--seed", options.seed)
    flaws = answer["lost"] + answer["twice"] + answer["changed"]
    rate = Series("rows/s", [answer["rate"]])
    name = f"a table of {answer['rows']:,} rows, its runner killed {answer['kills']} times"
    return [
        Row(f"{name}: rows a second", rate),
        Row("rows of it lost, written twice or changed", Series("rows", [flaws]), bound="0",
            met=flaws == 0),
    ]  # fmt: skip


def transfer(options: argparse.Namespace) -> list[Row]:
    """A large download from this computer against curl, and one of 200 MB killed 50 times."""
    import tempfile

    ours, curl, grown = Series("MB/s"), Series("MB/s"), Series("MB")
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        with hub_of(folder) as (file, address, sha256):
            for _ in range(options.rounds):
                answer = child("transfer.py", "throughput", file, address, sha256, folder)
                ours.values.append(answer["ours"])
                curl.values.append(answer["curl"])
                grown.values.append(answer["grown_megabytes"])
        small = folder / "small"
        small.write_bytes(random.Random(options.seed).randbytes(200_000_000))
        killed = child("transfer.py", "kills", small, folder, 50)
    ratio = paired_ratio(ours, curl)
    twice = Series("MB", killed["megabytes"])
    return [
        Row("download and check / curl | sha256sum", ours, curl, ratio, ">= 0.8", ratio >= 0.8),
        Row("memory over idle of that download", grown, bound="<= 60 MB",
            met=max(grown.values) <= 60),
        Row("50 kills: fetched twice, a connection", twice, bound="<= 1 MB, sound",
            met=max(twice.values) <= 1 and killed["sound"]),
    ]  # fmt: skip


def _at_least(name: str, measured: Series, against: Series, least: float | None) -> Row:
    ratio = paired_ratio(measured, against)
    bound = "" if least is None else f">= {least}"
    return Row(name, measured, against, ratio, bound, None if least is None else ratio >= least)


if __name__ == "__main__":
    sys.exit(main())
