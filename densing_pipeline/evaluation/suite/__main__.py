"""Hashes of benchmark data: `python -m densing_pipeline.evaluation.suite [--mirror <folder>] [<name>...]`.

For whoever adds a benchmark, wants to know whether a mirror is complete, or declares the content of a
mirror with other questions (`content`).
"""

import argparse
import sys
from pathlib import Path

from densing_pipeline.evaluation import suite
from densing_pipeline.evaluation.suite import content


def main() -> int:
    """Print the hash and size of every part of the named benchmarks; 1 if some data cannot be had."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mirror", type=Path, help="folder with the data sets; default: the Hub")
    parser.add_argument(
        "--declare",
        action="store_true",
        help=f"write <mirror>/{content.FILE}, which declares the mirror's own content: its scores "
        "get a suite version of their own",
    )
    parser.add_argument("names", nargs="*", default=list(suite.BENCHMARKS))
    given = parser.parse_args()
    if given.declare and given.mirror is None:
        parser.error("--declare: say which mirror (--mirror)")
    try:
        if given.declare:
            _print(content.declare(given.mirror, suite.select(given.names)))
            return 0
        benchmarks = suite.select(given.names, given.mirror)
    except (ValueError, suite.DataError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    status = 0
    for benchmark in benchmarks:
        try:
            data = suite.load(benchmark, suite.Store(given.mirror))
        except suite.DataError as error:
            sys.stderr.write(f"{error}\n")
            status = 1
            continue
        _print(content.lines(benchmark.name, data.records))
    return status


def _print(lines: list[str]) -> None:
    sys.stdout.writelines(f"{line}\n" for line in lines)


if __name__ == "__main__":
    sys.exit(main())
