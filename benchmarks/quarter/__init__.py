"""A simulated quarter: 90 nights against servers on loopback, once in peace and once with faults of every kind.

    python -m benchmarks.quarter            # both runs, compared, into results.json of this folder
    python -m benchmarks.quarter --nights 8 --folder FOLDER

`world` is what the sources say on each night, `chaos` what goes wrong, `night` runs a night in a process of its own,
`play` plays all nights, `compare` holds the tables of both runs against each other, and `report` makes the tables of
docs/reliability.md from the results.
"""
