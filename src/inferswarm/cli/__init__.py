"""The command line: one file per sub-command; each parses, calls, prints, and returns an exit code."""
