"""The polled score sources: one module per source, which reads it and declares it as `SOURCE`.

Not here: asking for them (`score_sources.poll`), and scores over time (`score_sources.history`).
"""

from densing_pipeline.polling.declaration import declared
from densing_pipeline.score_sources.source import ScoreSource

SOURCES = declared(__name__, __path__, ScoreSource)
"""Every polled score source, by its name in the landing zone and in its table."""
