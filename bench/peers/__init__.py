"""Other people's benchmark tools as rows, each in an environment of its own; `table` lists them."""
