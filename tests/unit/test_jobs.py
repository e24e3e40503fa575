"""The queue, and the runner within this process: wishes, order, crashes, what cannot be written."""

import threading
import time

import pytest

from desktop_llm.core.errors import EnvironmentFault, FaultCode
from desktop_llm.core.jobs import Job, JobEvent, JobPhase, JobProgress, JobState, Wish
from desktop_llm.core.settings import Language
from desktop_llm.services import runner as runner_module
from desktop_llm.services.runner import JobRun, Lane, Runner
from desktop_llm.storage.jobs import EVENTS, KEPT, MIGRATIONS, open_jobs
from desktop_llm.storage.locks import FileLock
from desktop_llm.words import use_language
from desktop_llm.words.jobs import event_words, progress_words, state_words


@pytest.fixture
def path(tmp_path):
    return tmp_path / "jobs.db"


@pytest.fixture
def jobs(path):
    """As a face has them."""
    jobs = open_jobs(path)
    yield jobs
    jobs.close()


class Work:
    """A kind whose jobs do what their spec says."""

    lane = Lane.NETWORK

    def __init__(self):
        self.begun, self.go_on = threading.Event(), threading.Event()
        self.discarded = []
        self.ran = []

    def run(self, run: JobRun):
        self.ran.append(run.job.id)
        run.report(JobProgress(1, 10, 2.0, JobPhase.TRANSFERRING))
        self.begun.set()
        what = run.job.spec.get("do")
        if what == "wait":
            while not self.go_on.is_set():
                run.wait(0.01)
        elif what == "full":
            raise EnvironmentFault(FaultCode.DISK_FULL, path="/disk")
        elif what == "fail":
            raise EnvironmentFault(FaultCode.HUB_NOTHING_THERE, path="a", host="b")
        elif what == "bug":
            raise ZeroDivisionError("oh")
        return {"made": run.job.id}

    def discard(self, job):
        self.discarded.append(job.id)


@pytest.fixture
def work():
    return Work()


@pytest.fixture
def start(path, work, monkeypatch):
    """Starts a runner in a thread, as its process would; returns what waits for its end."""
    monkeypatch.setattr(runner_module, "LINGER_SECONDS", 0.1)
    monkeypatch.setattr(runner_module, "POLL_SECONDS", 0.01)
    started = []

    def begin(kinds=None):
        own = open_jobs(path)
        made = Runner(own, FileLock(path.with_name("lock")), kinds or {"work": work})
        results = []
        thread = threading.Thread(target=lambda: results.append(made.run()))
        thread.start()
        started.append((own, made, thread))

        def wait():
            thread.join(20)
            assert not thread.is_alive()
            return results[0]

        return made, wait

    yield begin
    for own, made, thread in started:
        made.end()
        thread.join()
        own.close()


def add(jobs, do="", kind="work", nth=[0]):  # noqa: B006  # each spec another
    nth[0] += 1
    return jobs.add(kind, f"Job {do}", {"do": do, "nth": nth[0]}).id


def wait_for(jobs, job, state):
    end = time.monotonic() + 20
    while jobs.get(job).state is not state:
        assert time.monotonic() < end, jobs.get(job)
        time.sleep(0.005)
    return jobs.get(job)


def kinds(jobs, job):
    return [event.kind for event in jobs.events(job)]


def test_all_is_done_in_order_and_the_runner_ends(jobs, start, work):
    numbers = [add(jobs) for _ in range(3)]
    _, wait = start()
    assert wait()
    assert work.ran == numbers
    for number in numbers:
        job = jobs.get(number)
        assert (job.state, job.result) == (JobState.DONE, {"made": number})
        assert kinds(jobs, number) == ["queued", "started", "done"]


def test_one_runner_alone(jobs, start, work, monkeypatch):
    monkeypatch.setattr(runner_module, "LOCK_SECONDS", 0.1)
    add(jobs, "wait")
    _, first = start()
    assert work.begun.wait(5)
    _, second = start()
    assert not second()
    work.go_on.set()
    assert first()


def test_pause_resume_and_cancel(jobs, start, work):
    job = add(jobs, "wait")
    start()
    assert work.begun.wait(5)
    assert jobs.pause(job).wish is Wish.PAUSE
    paused = wait_for(jobs, job, JobState.PAUSED)
    assert paused.progress == JobProgress(1, 10)
    work.begun.clear()
    jobs.resume(job)
    start()
    assert work.begun.wait(5)
    jobs.cancel(job)
    wait_for(jobs, job, JobState.CANCELLED)
    assert work.discarded == [job]
    assert kinds(jobs, job) == [
        "queued", "started", "paused", "resumed", "started", "cancelled",
    ]  # fmt: skip


def test_a_pause_that_is_taken_back_at_once_is_none(jobs, start, work):
    job = add(jobs, "wait")
    made, _ = start()
    assert work.begun.wait(5)
    (run, _thread) = next(iter(made._running.values()))
    run.stop()  # the runner has seen the wish, and the person changes their mind
    wait_for(jobs, job, JobState.RUNNING)
    work.go_on.set()
    wait_for(jobs, job, JobState.DONE)
    assert work.ran[0] == job


def test_what_does_not_run_is_cancelled_at_once_and_its_leftovers_go(jobs, start, work):
    job = add(jobs)
    jobs.pause(job)
    assert jobs.cancel(job).state is JobState.CANCELLED
    assert jobs.has_work(["work"])
    jobs.forget()
    assert jobs.get(job)  # not before its leftovers are gone
    _, wait = start()
    wait()
    assert work.discarded == [job]
    jobs.forget()
    with pytest.raises(EnvironmentFault) as fault:
        jobs.get(job)
    assert fault.value.code is FaultCode.NO_JOB


@pytest.mark.parametrize(
    ("do", "state", "code"),
    [("full", JobState.PAUSED, FaultCode.DISK_FULL),
     ("fail", JobState.FAILED, FaultCode.HUB_NOTHING_THERE)],
)  # fmt: skip
def test_a_fault_is_kept(jobs, start, do, state, code):
    job = add(jobs, do)
    _, wait = start()
    wait()
    found = jobs.get(job)
    assert found.state is state
    assert found.fault is not None
    assert found.fault.code is code
    assert jobs.resume(job).fault is None


def test_a_bug_of_ours_is_one(jobs, start, caplog):
    job = add(jobs, "bug")
    _, wait = start()
    wait()
    fault = jobs.get(job).fault
    assert fault is not None
    assert fault.code is FaultCode.BUG
    assert "ZeroDivisionError" in str(fault.data["detail"])
    assert "failed" in caplog.text


def test_what_a_dead_runner_was_at_is_taken_up_but_not_for_ever(jobs, start):
    job = add(jobs)
    for _ in range(2):
        jobs.claim(["work"])
        assert jobs.take_over() == [job]
        assert jobs.get(job).state is JobState.QUEUED
    jobs.claim(["work"])
    jobs.take_over()
    failed = jobs.get(job)
    assert failed.state is JobState.FAILED
    assert failed.fault is not None
    assert failed.fault.code is FaultCode.JOB_CRASHED
    assert kinds(jobs, job).count("interrupted") == 3
    jobs.resume(job)
    _, wait = start()
    wait()
    assert jobs.get(job).state is JobState.DONE


def test_a_job_that_gets_on_is_taken_up_however_often(jobs):
    job = add(jobs)
    for done in range(1, 10):
        jobs.claim(["work"])
        jobs.report(job, JobProgress(done, 100))
        jobs.take_over()
        assert jobs.get(job).state is JobState.QUEUED


def test_wishes_outlive_the_runner_that_did_not_hear_them(jobs):
    paused, cancelled = add(jobs), add(jobs)
    for _ in range(2):
        jobs.claim(["work"])
    jobs.pause(paused)
    jobs.cancel(cancelled)
    jobs.take_over()
    assert jobs.get(paused).state is JobState.PAUSED
    assert jobs.get(cancelled).state is JobState.CANCELLED
    assert [job.id for job in jobs.leftovers()] == [cancelled]


def test_a_newer_programs_job_is_left_alone(jobs, start):
    strange = add(jobs, kind="dance")
    job = add(jobs)
    _, wait = start()
    wait()
    assert jobs.get(strange).state is JobState.QUEUED
    assert jobs.get(job).state is JobState.DONE
    assert not jobs.has_work(["work"])


def test_lanes_do_not_wait_for_each_other(jobs, start, work):
    other = Work()
    other.lane = Lane.COMPUTE
    first, second = add(jobs, "wait"), add(jobs, "wait", kind="other")
    start({"work": work, "other": other})
    assert work.begun.wait(5)
    assert other.begun.wait(5)
    work.go_on.set()
    wait_for(jobs, first, JobState.DONE)
    assert jobs.get(second).state is JobState.RUNNING


def test_a_job_that_comes_while_the_runner_ends_is_not_left(jobs, start):
    for _ in range(10):
        _, wait = start()
        time.sleep(0.1)
        add(jobs)
        wait()
        if not jobs.has_work(["work"]):
            continue
        start()[1]()  # whoever added it finds the lock free, and starts one
        assert not jobs.has_work(["work"])


def test_the_order_is_the_persons(jobs):
    first, second, third = (add(jobs) for _ in range(3))
    jobs.move(third, -1)
    jobs.move(third, -1)
    jobs.move(third, -1)  # no further
    jobs.move(first, 1)
    assert [job.id for job in jobs.all()] == [third, second, first]
    assert jobs.claim(["work"]).id == third


def test_the_list_stays_short(jobs):
    for _ in range(KEPT + 5):
        number = add(jobs)
        jobs.done(number, {})
    add(jobs)
    assert len(jobs.all()) == KEPT + 1
    job = add(jobs)
    for _ in range(EVENTS + 10):
        jobs.pause(job)
        jobs.resume(job)
    assert len(jobs.events(job)) == EVENTS


def test_a_damaged_queue_is_put_aside(path, caplog):
    path.write_bytes(b"no database" * 100)
    jobs = open_jobs(path)
    assert jobs.all() == []
    jobs.close()
    (kept,) = path.parent.glob("jobs.damaged-*.db")
    assert kept.read_bytes().startswith(b"no database")
    assert "damaged" in caplog.text


def test_a_newer_queue_is_refused(path):
    open_jobs(path).close()
    data = bytearray(path.read_bytes())
    data[60:64] = (len(MIGRATIONS) + 1).to_bytes(4, "big")
    path.write_bytes(data)
    with pytest.raises(EnvironmentFault) as fault:
        open_jobs(path)
    assert fault.value.code is FaultCode.DATABASE_NEWER


def test_the_lock_can_be_looked_at(tmp_path):
    lock, other = FileLock(tmp_path / "lock"), FileLock(tmp_path / "lock")
    assert other.is_free()
    assert lock.acquire()
    assert not other.is_free()
    assert not other.acquire()
    lock.release()
    assert other.is_free()
    assert other.acquire()
    other.release()


def test_in_words():
    def job(**fields):
        fields = {"id": 1, "kind": "download", "title": "a", "spec": {}} | fields
        return Job(**fields)

    use_language(Language.ENGLISH)
    running = job(
        state=JobState.RUNNING,
        progress=JobProgress(2_500_000, 1_000_000_000, 2_000_000.0, JobPhase.TRANSFERRING),
    )
    assert progress_words(running) == "2 MB of 1.0 GB  ·  2.0 MB/s  ·  8 minutes left"
    assert state_words(running) == "running"
    assert state_words(job(state=JobState.RUNNING, wish=Wish.PAUSE)) == "stopping …"
    assert progress_words(job(state=JobState.QUEUED)) == ""
    for state in JobState:
        assert state_words(job(state=state))
    fault = {"fault": "hub-busy", "values": {"host": "h", "status": 503}, "seconds": 2.0}
    words = event_words(JobEvent(1, 0.0, "retrying", fault))
    assert words == "h is overloaded or being repaired (HTTP 503). Another try in 2 seconds."
    fault = {"fault": "download-differs", "values": {"path": "m.gguf"}}
    words = event_words(JobEvent(1, 0.0, "restarted", fault))
    assert words == "“m.gguf” arrived damaged, and is begun anew."
    assert event_words(JobEvent(1, 0.0, "unheard of")) == "unheard of"
