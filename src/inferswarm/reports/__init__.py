"""What a finished run is shown as: the self-contained page, made from a snapshot and a summary."""
