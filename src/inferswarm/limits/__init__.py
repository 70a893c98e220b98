"""How much a server can take: which loads to measure, and what the measured points amount to. Pure."""
