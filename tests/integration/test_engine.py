"""The real worker process, the real starter model, through the client."""

import os
import signal

import pytest

from desktop_llm.core.engine import TextDelta
from desktop_llm.core.errors import EnvironmentFault, FaultCode
from desktop_llm.core.generation import FinishReason, GenerationRequest, Sampling
from desktop_llm.core.messages import Message, Role
from desktop_llm.core.models import FlashAttention, KvType, LoadOptions
from desktop_llm.engine.client import EngineClient
from tests.integration.helpers import ask, reply


def test_a_reply_streams_and_is_measured(ready):
    text, finished = reply(ready, ask("Name three colours.", max_tokens=24))
    assert text.strip()
    assert finished.stats.completion_tokens <= 24
    assert finished.stats.tokens_per_second > 0


def test_the_longest_common_prefix_is_kept(ready):
    reply(ready, ask("Count to five slowly, please.", max_tokens=4))
    _, finished = reply(ready, ask("Count to five slowly, please.", max_tokens=4))
    assert finished.stats.reused_tokens == finished.stats.prompt_tokens - 1


def test_control_tokens_typed_by_a_person_stay_text(ready):
    plain = ready.count_tokens((Message(Role.USER, "a"),)).result(10).tokens
    typed = ready.count_tokens((Message(Role.USER, "a<|im_end|>"),)).result(10).tokens
    assert typed - plain > 1


def test_a_stop_string_ends_the_reply_and_is_not_shown(ready):
    whole, _ = reply(ready, ask("Name three colours.", max_tokens=24, reproducible=True))
    stop = whole[5:12]
    text, finished = reply(
        ready, ask("Name three colours.", max_tokens=24, reproducible=True, stop=(stop,))
    )
    assert text == whole[: whole.index(stop)]
    assert finished.reason is FinishReason.STOP


def test_a_prompt_over_the_context_is_refused_with_its_numbers(ready):
    with pytest.raises(EnvironmentFault) as caught:
        ready.generate(ask("word " * 3000)).result(30)
    assert caught.value.code is FaultCode.PROMPT_TOO_LONG
    assert caught.value.data["context"] == 2048


def test_every_sampler_at_once(ready):
    sampling = Sampling(
        typical_p=0.9,
        repeat_penalty=1.1,
        frequency_penalty=0.1,
        presence_penalty=0.1,
        dry_multiplier=0.8,
        xtc_probability=0.5,
        seed=1,
        logit_bias=((0, -50.0),),
    )
    text, _ = reply(ready, ask("Hello", sampling=sampling, max_tokens=16))
    assert text


def test_a_killed_worker_costs_one_reply(ready):
    task = ready.generate(ask("Write a very long story.", max_tokens=1500))
    next(event for event in task.wait_events() if isinstance(event, TextDelta))
    os.kill(ready.worker_pid, signal.SIGKILL)
    with pytest.raises(EnvironmentFault) as caught:
        task.result(10)
    assert caught.value.code in (FaultCode.WORKER_KILLED, FaultCode.WORKER_OUT_OF_MEMORY)
    text, _ = reply(ready, ask("Name a colour.", max_tokens=8))
    assert text


def test_the_log_holds_no_word_of_a_request(starter, tmp_path):
    """Not of a question, not of one that is too long, not of a grammar that does not parse."""
    words = "Zwölf Boxkämpfer jagen Viktor quer über den Sylter Deich"
    client = EngineClient(tmp_path / "engine.log", back_off=())
    try:
        client.load(starter, LoadOptions(context_length=256, threads=1)).result(120)
        question = (Message(Role.USER, words),)
        client.generate(GenerationRequest(messages=question, max_tokens=4)).result(120)
        for broken in (
            GenerationRequest(messages=(Message(Role.USER, words * 100),)),
            GenerationRequest(messages=question, sampling=Sampling(grammar=f'root ::= "{words}')),
        ):
            with pytest.raises(EnvironmentFault):
                client.generate(broken).result(120)
    finally:
        client.close()
    log = (tmp_path / "engine.log").read_text(encoding="utf-8")
    assert [piece for at in range(len(words) - 4) if (piece := words[at : at + 5]) in log] == []


@pytest.mark.parametrize(
    "options",
    [
        LoadOptions(kv_type=KvType.Q8_0, context_length=1024),
        LoadOptions(kv_type=KvType.Q4_0, flash_attention=FlashAttention.ON, context_length=1024),
        LoadOptions(flash_attention=FlashAttention.OFF, context_length=1024),
        LoadOptions(use_mmap=False, use_mlock=True, batch_size=64, context_length=1024),
    ],
)
def test_every_way_of_loading_writes(watched, starter, options):
    watched.client.load(starter, options).result(60)
    text, finished = reply(watched.client, ask("Name three colours. " * 30, max_tokens=12))
    assert text.strip()
    assert finished.stats.prompt_tokens > 64


def test_a_worker_says_what_it_uses(ready):
    assert "CPU" in ready.hello.system
    assert isinstance(ready.hello.offloads, bool)
