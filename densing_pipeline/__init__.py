"""densing-pipeline: how fast language models get denser and cheaper.

The domain lives here, importable and testable without Dagster; only `orchestration`,
`definitions` and `nightly` import it. `docs/architecture.md` is the map.
"""
