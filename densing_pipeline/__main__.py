"""Entry point of the command `densing` and of `python -m densing_pipeline`."""

import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command of `densing`; returns the exit status."""
    from densing_pipeline.addresses import redact_traces
    from densing_pipeline.cli.app import main as run_command

    redact_traces()
    return run_command(arguments)


if __name__ == "__main__":
    sys.exit(main())
