"""Counting tokens on our side: tokenizers of several libraries behind one shape.

Libraries are extras, imported when a tokenizer is loaded, and never in a process of the load:
`tokenizer.process.TokenizerProcess` does the work in one of its own.
"""

from inferswarm.tokenizer.interface import Tokenizer
from inferswarm.tokenizer.load import load_tokenizer
from inferswarm.tokenizer.process import TokenizerProcess

__all__ = ["Tokenizer", "TokenizerProcess", "load_tokenizer"]
