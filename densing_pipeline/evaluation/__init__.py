"""Scores of models: reported by others, and measured by the pipeline."""
