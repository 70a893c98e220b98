"""inferswarm: load an LLM inference server as its users will, and tell what they would feel."""

__version__ = "0.1.0"
