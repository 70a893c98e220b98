"""A run's results on their way to where they are kept, and back: manifest, upload, fetch.

A run folder is delivered below `UPLOAD/runs/ID/`, file by file under the same names, its manifest last:
who finds the manifest finds everything that it lists.
"""
