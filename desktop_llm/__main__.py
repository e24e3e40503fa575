"""From the argument list to a face or a process; imports only what that one needs."""

import os
import sys
from pathlib import Path

from desktop_llm.core.offline import go_offline


def main() -> int:
    go_offline()
    arguments = sys.argv[1:]
    if arguments[:1] == ["worker"]:
        # An abort in C would start a debugger, which prints texts; read when C is loaded.
        os.environ["GGML_NO_BACKTRACE"] = "1"
        from desktop_llm.worker.main import main as worker_main

        return worker_main()
    from desktop_llm.cli.main import main as cli_main
    from desktop_llm.storage.secrets import secrets

    secrets.take_from_environment()

    return cli_main(arguments, _open_window)


def _open_window(data_dir: Path | None, wish: str) -> int:
    from desktop_llm.app import main as window_main

    return window_main(data_dir, wish)


if __name__ == "__main__":
    sys.exit(main())
