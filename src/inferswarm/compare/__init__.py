"""Whether runs differ: blocks of a run drawn again, differences with intervals, and calls in words."""
