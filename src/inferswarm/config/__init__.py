"""The settings tree: declared in `tree`, filled from file, environment and flags in `sources`."""
