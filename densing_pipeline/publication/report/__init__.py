"""The page of a release: every answer, chart and table in one HTML file. Not here: the charts (`charts`)."""
