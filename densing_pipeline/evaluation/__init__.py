"""How well models do: reported scores, and the pipeline's own measurements."""
