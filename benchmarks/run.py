"""Run the benchmarks and write `benchmarks/results.json` (`make bench`).

    uv run python -m benchmarks.run [density trends prices book backfill hub scores publication evaluation]

Rooms named are measured anew, and the others' results stay.
"""

import json
import sys
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
    asked = sys.argv[1:] or list(ROOMS)
    if unknown := sorted(set(asked) - set(ROOMS)):
        sys.exit(f"no such benchmarks: {', '.join(unknown)}; there are {', '.join(ROOMS)}")
    table = Table("benchmark", "what", "ours", "peer", "times faster", "peak MB", "against")
    is_kept = sys.argv[1:] and RESULTS.exists()
    before = json.loads(RESULTS.read_text(encoding="utf-8")) if is_kept else []
    results = {row["name"]: row for row in before}
    for room in asked:
        for row in ROOMS[room].benchmarks():
            results[row["name"]] = row
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
    Console().print(table)


if __name__ == "__main__":
    main()
