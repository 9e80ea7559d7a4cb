"""Run the benchmarks and write `benchmarks/results.json` (`make bench`).

    .venv/bin/python -m benchmarks.run hub density.fit_file    # the rows of one room, and another row
    .venv/bin/python -m benchmarks.run --list                  # the rooms and their rows

Without a name all are measured but for the long ones, which takes about 15 minutes. Rows that are not measured keep
their results. A row that fails is told at the end and stops no other.
"""

import json
import sys
import time
import traceback
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks import backfill, book, density, evaluation, hub, prices, publication, scores, trends

RESULTS = Path(__file__).parent / "results.json"


ROOMS = {
    module.__name__.rpartition(".")[2]: module
    for module in (
        density,
        trends,
        prices,
        book,
        backfill,
        hub,
        scores,
        publication,
        evaluation,
    )
}


def main() -> None:
    """Measure, print and write the results."""
    names = sys.argv[1:]
    console = Console()
    if names == ["--list"]:
        for room, module in ROOMS.items():
            rows = [f"{one.name}{' (long)' * one.is_long}" for one in module.benchmarks()]
            console.print(f"{room}: {', '.join(rows)}")
        return
    table = Table("benchmark", "what", "ours", "peer", "times faster", "peak MB", "against")
    before = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else []
    results = {row["name"]: row for row in before}
    failed, unknown = [], set(names) - set(ROOMS)
    for room, module in ROOMS.items():
        if names and room not in names and not unknown:
            continue
        for name, measure, is_long in module.benchmarks():
            unknown.discard(name)
            if name not in names and (is_long or (names and room not in names)):
                continue
            began = time.perf_counter()
            try:
                row = measure()
            except Exception:
                failed.append(name)
                traceback.print_exc()
                continue
            console.print(f"{name} took {time.perf_counter() - began:.0f} s")
            results[name] = row
            table.add_row(
                row["name"],
                row["what"],
                f"{row['ours']:.3g} {row['unit']}",
                f"{row['peer']:.3g} {row['unit']}",
                f"{row['ratio']:.3g}",
                f"{row['peak_mb']:.3g}",
                row["peer_name"],
            )
            # After each row, so that an interrupted run keeps what it has measured.
            text = json.dumps(list(results.values()), indent=2, ensure_ascii=False)
            RESULTS.write_text(text + "\n", encoding="utf-8")
    console.print(table)
    if unknown:
        sys.exit(f"no such benchmarks: {', '.join(sorted(unknown))}; --list names them")
    if failed:
        sys.exit(f"failed, see above: {', '.join(failed)}")


if __name__ == "__main__":
    main()
