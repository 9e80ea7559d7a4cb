"""Forms of identifiers that come from elsewhere. Not here: who uses them."""

import re

COMMIT = re.compile("[0-9a-f]{40}")
"""A git commit in full; a shorter one, a branch or a tag can come to mean other content."""
