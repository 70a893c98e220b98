"""Goals of a run, and limits of one request: what is written, what it means, whether it was met."""
