"""The clients that are compared; `row` says what one is, `table` lists them."""
