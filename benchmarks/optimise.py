"""What making the starter model faster brings here: its formats, measured as the program does.

python benchmarks/optimise.py
"""

import json
import sys
import tempfile
from pathlib import Path

from measure import HERE, starter

sys.path.insert(0, str(HERE.parent))

from desktop_llm.core.measurement import FORMATS
from desktop_llm.core.models import LoadOptions
from desktop_llm.engine.client import EngineClient
from desktop_llm.services.optimisation import CONTEXT, measured_text

OPTIONS = LoadOptions(context_length=CONTEXT)


def main() -> None:
    client, rows = EngineClient(), []
    try:
        client.load(starter(), OPTIONS).result(60)
        before = client.measure(measured_text()).result(300)
        with tempfile.TemporaryDirectory() as folder:
            for form in FORMATS:
                target = Path(folder) / f"{form}.gguf"
                client.unload().result(60)
                client.quantize(starter(), target, form).result(300)
                client.load(target, OPTIONS).result(60)
                after = client.measure(measured_text()).result(300)
                rows.append(
                    {
                        "form": form,
                        "reads": after.prompt_rate / before.prompt_rate,
                        "writes": after.decode_rate / before.decode_rate,
                        "costs": 100 * (after.perplexity / before.perplexity - 1),
                    }
                )
    finally:
        client.close()
    print(json.dumps(rows))


main()
