"""llama.cpp's low-level interface and nothing else: what the whole stack is compared with.

    python benchmarks/bare_loop.py MODEL THREADS TOKENS

Prints one JSON object. The prompt is that of the stack: the model's template around one question.
"""

import json
import os
import sys
import time

import llama_cpp.llama_cpp as llama
from measure import QUESTION

CONTEXT = 4096  # tokens, as the program's default
SYSTEM = "You are a helpful AI assistant named SmolLM, trained by Hugging Face"
PROMPT = (
    f"<|im_start|>system\n{SYSTEM}<|im_end|>\n<|im_start|>user\n{QUESTION}<|im_end|>\n"
    "<|im_start|>assistant\n"
)


def main() -> None:
    path, threads, wanted = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    quiet = llama.llama_log_callback(lambda *_arguments: None)
    llama.llama_log_set(quiet, None)
    model = llama.llama_model_load_from_file(path.encode(), llama.llama_model_default_params())
    parameters = llama.llama_context_default_params()
    parameters.n_ctx = CONTEXT
    parameters.n_threads = parameters.n_threads_batch = threads
    parameters.no_perf = True
    context = llama.llama_init_from_model(model, parameters)
    vocab = llama.llama_model_get_vocab(model)
    sampler = llama.llama_sampler_chain_init(llama.llama_sampler_chain_default_params())
    llama.llama_sampler_chain_add(sampler, llama.llama_sampler_init_greedy())
    memory = llama.llama_get_memory(context)
    text = PROMPT.encode()
    tokens = (llama.llama_token * 256)()
    one = (llama.llama_token * 1)()
    for _warm in range(2):  # the second time is the one that counts
        llama.llama_memory_clear(memory, True)
        asked = time.perf_counter()
        count = llama.llama_tokenize(vocab, text, len(text), tokens, 256, False, True)
        llama.llama_decode(context, llama.llama_batch_get_one(tokens, count))
        one[0] = llama.llama_sampler_sample(sampler, context, -1)
        first = time.perf_counter()
        for _ in range(wanted - 1):
            llama.llama_decode(context, llama.llama_batch_get_one(one, 1))
            one[0] = llama.llama_sampler_sample(sampler, context, -1)
        ended = time.perf_counter()
    answer = {
        "tokens_per_second": (wanted - 1) / (ended - first),
        "first_token_seconds": first - asked,
    }
    print(json.dumps(answer), flush=True)
    os._exit(0)  # native destructors at exit are known to crash


if __name__ == "__main__":
    main()
