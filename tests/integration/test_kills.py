"""The real program and its worker, killed while a reply streams; `benchmarks/kills.py` for long."""

from benchmarks.kills import run, table

KILLS = 12  # half of them of the program, half of its worker


def test_a_kill_costs_half_a_second_of_a_reply_and_leaves_no_process(tmp_path):
    kills = run(tmp_path, KILLS, seed=7, spread=0.8)
    assert [kill for kill in kills if kill.faults] == []
    assert sum(kill.phase == "while it streamed" for kill in kills) >= KILLS // 3, table(kills)
