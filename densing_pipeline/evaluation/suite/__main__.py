"""Hashes of benchmark data, as declarations hold them: `python -m densing_pipeline.evaluation.suite`.

For whoever adds a benchmark, or wants to know whether a mirror is whole.
"""

import argparse
import sys
from pathlib import Path

from densing_pipeline.evaluation import suite


def main() -> int:
    """Print the hash of every part of the named benchmarks; 1 if some data cannot be had."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mirror", type=Path, help="folder with the data sets; default: the Hub")
    parser.add_argument("names", nargs="*", default=list(suite.BENCHMARKS))
    given = parser.parse_args()
    status = 0
    for benchmark in suite.select(given.names):
        try:
            data = suite.load(benchmark, suite.Store(given.mirror))
        except suite.DataError as error:
            sys.stderr.write(f"{error}\n")
            status = 1
            continue
        for part, sha256 in data.content.items():
            sys.stdout.write(f"{sha256} {benchmark.name}/{part}\n")
    return status


if __name__ == "__main__":
    sys.exit(main())
