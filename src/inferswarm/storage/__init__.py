"""The run folder on disk: what is where, records written so that a killed run keeps them, and read.

config.yaml      the resolved configuration, secrets masked
run.json         id, start, target, versions: what `summary.json` says under `run`
records/         w<worker>-<part>.jsonl while open, .jsonl.zst once closed and sealed
client.json      how the load generator fared, written when the run ends in order
summary.json     numbers
report.html      the page
run.log          what the processes said
manifest.json    every other file with its size and checksum, written last (`delivery.manifest`)
"""

from inferswarm.storage.folder import (
    CLOSED_SUFFIX,
    OPEN_SUFFIX,
    RunFolder,
    describe,
    new_folder,
    new_id,
    write_description,
    write_file,
    write_run,
)
from inferswarm.storage.reading import Reading, read_records
from inferswarm.storage.sealer import Sealer
from inferswarm.storage.sealing import seal, seal_parts
from inferswarm.storage.writer import RecordWriter

__all__ = [
    "CLOSED_SUFFIX",
    "OPEN_SUFFIX",
    "Reading",
    "RecordWriter",
    "RunFolder",
    "Sealer",
    "describe",
    "new_folder",
    "new_id",
    "read_records",
    "seal",
    "seal_parts",
    "write_description",
    "write_file",
    "write_run",
]
