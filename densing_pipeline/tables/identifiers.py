"""Patterns of identifiers in third-party data."""

import re

COMMIT = re.compile("[0-9a-f]{40}")
"""A full git commit hash; a shorter one, a branch or a tag can later denote other content."""
