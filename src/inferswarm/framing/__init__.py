"""From the bytes of a tape to messages: HTTP/1.1 answers and the events inside them. No I/O."""
