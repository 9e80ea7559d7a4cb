"""The assets, one module per group: load inputs, call one domain function, return a frame.

Logic belongs in `densing_pipeline`; what is here reads like a table of contents.
"""
