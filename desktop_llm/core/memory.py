"""How much memory a model will take, known from its header alone."""

from desktop_llm.core.gguf import Header, Value

COMPUTED_AT_ONCE = 512  # tokens; a cancel waits for one operation on them, memory grows with them
CONTEXT_STEP = 256  # llama.cpp rounds a context up to this
KV_BYTES = 2  # a number of the KV cache: f16
TOKEN_BYTES = 400  # a token of the vocabulary: its text, its hashes, its merges


def estimate(header: Header, context_length: int, batch: int) -> int:
    """Bytes that loading the file and filling a context of that many tokens takes.

    Weights as they lie in the file, the KV cache, and what one step of the computation touches.
    Within a few per cent of what the starter model takes; a model that keeps less than every
    token (sliding windows, recurrent layers) takes less than this.
    """
    return _fixed(header, batch) + kv_bytes_per_token(header) * _rounded(context_length)


def largest_context(header: Header, batch: int, free: int, most: int) -> int:
    """The longest context up to `most` tokens that fits into `free` bytes; 0 where none does."""
    room = free - _fixed(header, batch)
    if room <= 0:
        return 0
    a_token = kv_bytes_per_token(header)
    tokens = most if a_token == 0 else min(most, room // a_token)
    return tokens // CONTEXT_STEP * CONTEXT_STEP


def kv_bytes_per_token(header: Header) -> int:
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
    return kv_heads * (keys + values) * KV_BYTES


def _fixed(header: Header, batch: int) -> int:
    """What does not grow with the context: weights, vocabulary, buffers of a step."""
    width, inner = _number(header, "embedding_length"), _number(header, "feed_forward_length")
    step = min(batch, COMPUTED_AT_ONCE) * 4 * (8 * width + 4 * inner)
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
