"""How fast and how true: inferswarm beside other clients, against a server that knows the truth."""
