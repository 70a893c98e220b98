"""How many of the units that are used inside make one of those that people read."""

NS_PER_S = 1_000_000_000
NS_PER_MS = 1_000_000
BYTES_PER_MB = 1_000_000
