"""Where releases are published besides a local folder: object stores, and data sets on the Hub."""
