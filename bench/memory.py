"""`python -m bench.memory`: the memory of every process of a long open-loop run, as a picture.

The C truth server answers; the command, the master and the workers are looked at every few seconds.
"""

import argparse
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil

from bench import truth
from inferswarm.scales import BYTES_PER_MB

LOOK_S = 2.0
WIDTH, HEIGHT, MARGIN = 800, 360, 50
COLORS = ("#0b6e99", "#d9730d", "#0f7b6c", "#9b51e0", "#ad1a72", "#64473a")
Curve = list[tuple[float, float]]


def arguments() -> argparse.Namespace:
    """What to run."""
    parser = argparse.ArgumentParser(prog="python -m bench.memory", description=__doc__)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--rate", default="1000/s")
    parser.add_argument("--tokens", type=int, default=16)
    parser.add_argument("--duration", default="10m")
    parser.add_argument("--out", type=Path, default=Path("docs/pictures/memory.svg"))
    parser.add_argument("--cache", type=Path, default=Path("build/bench"))
    return parser.parse_args()


def role(process: psutil.Process) -> str:
    """`command`, `master` or `worker`."""
    words = " ".join(process.cmdline())
    found = [name for name in ("master", "worker") if f"inferswarm.load.{name}" in words]
    return found[0] if found else "command"


def sample(command: "subprocess.Popen[bytes]", into: dict[str, Curve]) -> None:
    """Look at the processes until the command ends."""
    started_s = time.monotonic()
    top = psutil.Process(command.pid)
    while command.poll() is None:
        for process in (top, *top.children(recursive=True)):
            try:
                name = f"{role(process)} {process.pid}"
                point = time.monotonic() - started_s, process.memory_info().rss / BYTES_PER_MB
            except psutil.NoSuchProcess:
                continue
            into.setdefault(name, []).append(point)
        time.sleep(LOOK_S)


def picture(curves: dict[str, Curve], title: str) -> str:
    """An SVG with a line for each process, from 0 MB."""
    end_s = max(at for curve in curves.values() for at, _ in curve)
    most_mb = max(mb for curve in curves.values() for _, mb in curve) * 1.1
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        'font-family="sans-serif" font-size="12"><rect width="100%" height="100%" fill="white"/>'
    )
    parts = [
        head,
        f'<text x="{MARGIN}" y="24" font-size="14">{title}</text>',
    ]

    def x(at_s: float) -> float:
        return MARGIN + at_s / end_s * (WIDTH - 3 * MARGIN)

    def y(mb: float) -> float:
        return HEIGHT - MARGIN - mb / most_mb * (HEIGHT - 2 * MARGIN)

    parts += [
        f'<path d="M{MARGIN} {y(mb):.1f}H{WIDTH - 2 * MARGIN}" stroke="#ddd"/>'
        f'<text x="{MARGIN - 6}" y="{y(mb) + 4:.1f}" text-anchor="end">{mb} MB</text>'
        for mb in range(0, int(most_mb), 20)
    ]
    parts += [
        f'<text x="{x(minute * 60):.1f}" y="{HEIGHT - 30}">{minute} min</text>'
        for minute in range(int(end_s // 60) + 1)
    ]
    for number, (name, curve) in enumerate(curves.items()):
        color = COLORS[number % len(COLORS)]
        line = " ".join(f"{x(at):.1f},{y(mb):.1f}" for at, mb in curve)
        parts.append(
            f'<polyline points="{line}" fill="none" stroke="{color}" stroke-width="1.5"/>'
            f'<text x="{WIDTH - 2 * MARGIN + 6}" y="{40 + 16 * number}" fill="{color}">'
            f"{name.split()[0]}</text>"
        )
    return "".join([*parts, "</svg>\n"])


def growth(curve: Curve) -> tuple[float, float, float]:
    """MB after a minute, at the end of the load, and at most."""
    minute = next((mb for at, mb in curve if at >= 60), curve[-1][1])
    return minute, curve[-1][1], max(mb for _, mb in curve)


def main() -> None:
    """Run, look, print, draw."""
    asked = arguments()
    curves: dict[str, Curve] = {}
    binary, pace = truth.build(asked.cache), truth.Pace(20_000, 10_000)
    with (
        TemporaryDirectory() as scratch,
        truth.running(binary, pace, Path(scratch) / "truth") as url,
    ):
        command = subprocess.Popen(
            [
                *(sys.executable, "-m", "inferswarm", "run"),
                *("--target", url, "--rate", asked.rate),
                *("--duration", asked.duration, "--workers", str(asked.workers)),
                *("--max-output-tokens", str(asked.tokens), "--out", f"{scratch}/run"),
            ]
        )
        sample(command, curves)
    for name, curve in curves.items():
        print(
            "{}: {:.1f} MB after a minute, {:.1f} at the end, {:.1f} at most".format(
                name, *growth(curve)
            )
        )
    title = (
        f"{asked.workers} workers, {asked.rate}, {asked.tokens} tokens each: memory of each process"
    )
    asked.out.write_text(picture(curves, title), encoding="utf-8")


if __name__ == "__main__":
    main()
