"""Which models exist: release date, parameters, licence, descent."""
