"""Numbers of a master for Prometheus: which there are, their buckets, and the text that is scraped."""
