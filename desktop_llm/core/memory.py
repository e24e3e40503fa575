"""How much memory a model will take, known from its header and how it is loaded."""

from desktop_llm.core.gguf import Header, Value
from desktop_llm.core.models import FlashAttention, KvType, LoadOptions

COMPUTED_AT_ONCE = 512  # tokens; a cancel waits for one operation on them, memory grows with them
CONTEXT_STEP = 256  # llama.cpp rounds a context up to this
# Bytes of a number in the KV cache; quantized, it is blocks of 32 with a scale of two bytes.
KV_BYTES = {KvType.F16: 2.0, KvType.Q8_0: 34 / 32, KvType.Q4_0: 18 / 32}
TOKEN_BYTES = 400  # a token of the vocabulary: its text, its hashes, its merges


def estimate(header: Header, options: LoadOptions) -> int:
    """Bytes that loading the file and filling its context takes.

    Weights as they lie in the file (mapped or read, they are in memory once all were used), the KV
    cache, and what one step of the computation touches. Within a few per cent of what the starter
    model takes; a model that keeps less than every token (sliding windows, recurrent layers) takes
    less than this.
    """
    tokens = _rounded(context_of(header, options))
    return _fixed(header, options) + round(_bytes_per_token(header, options) * tokens)


def context_of(header: Header, options: LoadOptions) -> int:
    """Tokens: as wished, up to what the model was trained for."""
    return min(options.context_length, header.context_length or options.context_length)


def largest_context(header: Header, options: LoadOptions, free: int) -> int:
    """The longest context up to the one that is wished, in tokens, that fits into `free` bytes; 0
    where none does.
    """
    room, most = free - _fixed(header, options), context_of(header, options)
    if room <= 0:
        return 0
    a_token = _bytes_per_token(header, options)
    tokens = most if a_token == 0 else min(most, int(room / a_token))
    return tokens // CONTEXT_STEP * CONTEXT_STEP


def _bytes_per_token(header: Header, options: LoadOptions) -> float:
    """What grows with the context: the KV cache, and the table of scores where there is one."""
    scores = 0
    if options.flash_attention is FlashAttention.OFF:
        heads = _number(header, "attention.head_count")
        scores = min(options.batch_size, COMPUTED_AT_ONCE) * heads * 4
    return kv_numbers_per_token(header) * KV_BYTES[options.kv_type] + scores


def kv_numbers_per_token(header: Header) -> int:
    """Keys and values of one token over all layers."""
    layers = _number(header, "block_count")
    heads = _number(header, "attention.head_count")
    width = _number(header, "embedding_length") // max(1, heads)
    keys = _number(header, "attention.key_length") or width
    values = _number(header, "attention.value_length") or width
    by_layer = header.metadata.get(f"{header.architecture}.attention.head_count_kv", heads)
    if isinstance(by_layer, list):  # of which the first were kept
        known = [_sound(count) for count in by_layer[:layers]]
        kv_heads = sum(known) + (layers - len(known)) * max(known, default=0)
    else:
        kv_heads = _sound(by_layer) * layers
    return kv_heads * (keys + values)


def _fixed(header: Header, options: LoadOptions) -> int:
    """What does not grow with the context: weights, vocabulary, buffers of a step."""
    width, inner = _number(header, "embedding_length"), _number(header, "feed_forward_length")
    step = min(options.batch_size, COMPUTED_AT_ONCE) * 4 * (8 * width + 4 * inner)
    vocabulary = header.lengths.get("tokenizer.ggml.tokens", 0) * TOKEN_BYTES
    return header.end_of_data + vocabulary + step


def _number(header: Header, name: str) -> int:
    """A number of the architecture; the largest where each layer has its own."""
    value = header.metadata.get(f"{header.architecture}.{name}", 0)
    return max(map(_sound, value), default=0) if isinstance(value, list) else _sound(value)


def _sound(value: Value) -> int:
    """A count, whatever the file claims."""
    return min(value, 2**32) if isinstance(value, int) and value > 0 else 0


def _rounded(context_length: int) -> int:
    return -(-context_length // CONTEXT_STEP) * CONTEXT_STEP
