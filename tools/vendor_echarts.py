"""Refresh the chart library of the report page: `python tools/vendor_echarts.py [VERSION]`.

Fetches the published packages with the `npm` client, copies the unmodified build and the licence
texts it must travel with next to the page, and writes their digests to `vendor.json`. Without a
version, the one recorded there is fetched again, which must change nothing.
"""

import hashlib
import json
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parents[1] / "src/inferswarm/reports/page"
RECORD = PAGE / "vendor.json"
FILES = {
    "echarts.common.min.js": ("echarts", "package/dist/echarts.common.min.js"),
    "echarts.LICENSE.txt": ("echarts", "package/LICENSE"),
    "echarts.NOTICE.txt": ("echarts", "package/NOTICE"),
    "d3.LICENSE.txt": ("echarts", "package/licenses/LICENSE-d3"),
    "zrender.LICENSE.txt": ("zrender", "package/LICENSE"),
    "tslib.LICENSE.txt": ("tslib", "package/LICENSE.txt"),
}


def fetch(name: str, version: str, folder: Path) -> tarfile.TarFile:
    """The published archive of one package; raises CalledProcessError when npm cannot get it."""
    command = ["npm", "pack", "--silent", "--ignore-scripts", f"{name}@{version}"]
    done = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
    return tarfile.open(folder / done.stdout.split()[-1])


def content(archive: tarfile.TarFile, member: str) -> bytes:
    """The bytes of one file of an archive; raises KeyError when it is not there."""
    found = archive.extractfile(member)
    if found is None:
        raise KeyError(member)
    return found.read()


def vendor(version: str) -> dict[str, Any]:
    """Write the files of one version beside the page; returns the new record."""
    with tempfile.TemporaryDirectory() as folder:
        library = fetch("echarts", version, Path(folder))
        needs = json.loads(content(library, "package/package.json"))["dependencies"]
        archives = {"echarts": library}
        archives |= {name: fetch(name, needs[name], Path(folder)) for name in ("zrender", "tslib")}
        texts = {name: content(archives[package], path) for name, (package, path) in FILES.items()}
    for name, text in texts.items():
        (PAGE / name).write_bytes(text)
    return {
        "packages": {"echarts": version, "zrender": needs["zrender"], "tslib": needs["tslib"]},
        "licence": "Apache-2.0 (embeds zrender BSD-3-Clause, d3 BSD-3-Clause, tslib 0BSD)",
        "sha256": {name: hashlib.sha256(text).hexdigest() for name, text in texts.items()},
    }


if __name__ == "__main__":
    given = sys.argv[1:]
    wanted = given[0] if given else json.loads(RECORD.read_text())["packages"]["echarts"]
    RECORD.write_text(json.dumps(vendor(wanted), indent=2) + "\n")
