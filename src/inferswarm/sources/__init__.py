"""Where prompts come from: files, buckets and datasets, read as streams, and the choice among them."""
