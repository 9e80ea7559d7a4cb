"""Numeric formats of weights. Not here: how a format is read from a configuration (`hub`)."""

NATIVE_FORMATS = ("fp8", "mxfp4", "nvfp4", "fp4", "bitnet")
"""Formats in which models are released by those who trained them, as the column `quantisation` has
them; weights in any other low-precision format are a copy converted later."""
