"""Lints, generates, compiles and exemplifies every schema file of a list of public packages, and prints one table.

    python3 tests/peers/bulk/bulk.py FOLDER [--packages FILE] [--only TEXT] [--per-package N] [--no-compile]

Each file is the one event of a catalogue of its own. What fails is listed with its reason, and in FOLDER/results.json.
"""

import argparse
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import catalogues
import crates
from packages import Package, fetched, read_list

HERE = Path(__file__).parent
BINARY = HERE.parents[2] / "target/release/eventsmith"
# What a public file may cost: CPU seconds, so that other work on the machine is not in it, and megabytes.
SECONDS, MEGABYTES = 5.0, 500


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("folder", type=Path)
    arguments.add_argument("--packages", type=Path, default=HERE / "packages.txt")
    arguments.add_argument("--only", default="", help="only files whose package or path contains this")
    arguments.add_argument("--per-package", type=int, default=60, help="so many files of a package, spread evenly")
    arguments.add_argument("--no-compile", action="store_true")
    options = arguments.parse_args()
    tried = list(collect(options))
    print(f"{len(tried)} files", file=sys.stderr)
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        results = list(pool.map(attempt, tried))
    if not options.no_compile:
        crates.compile_all(options.folder / "crates", results)
    (options.folder / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    report(results)


def collect(options):
    """A catalogue on disk for each file that no other is a copy of."""
    seen = set()
    for registry, name, version in read_list(options.packages):
        try:
            package = Package(name, fetched(options.folder / "cache", registry, name, version))
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            print(f"{name}: not fetched: {error}", file=sys.stderr)
            continue
        fresh = []
        for path in package.schemas():
            digest = hashlib.sha256(json.dumps(package.documents[path], sort_keys=True).encode()).digest()
            if digest not in seen:
                seen.add(digest)
                fresh.append(path)
        step = max(1.0, len(fresh) / options.per_package)
        for path in (fresh[int(place * step)] for place in range(min(len(fresh), options.per_package))):
            if options.only in f"{name} {path}":
                yield catalogue(options.folder / "catalogues", package, path)


def catalogue(folder, package, path):
    event, placed, mounts = catalogues.files(package, path)
    home = folder / catalogues.token(f"{package.name} {path}")
    write(home, placed, mounts)
    kind = ".".join(event.split("/")[1:]).removesuffix(".v1.json")
    return {"file": f"{package.name} {path}", "home": str(home), "type": kind, "bytes": len(package.texts[path])}


def write(home, placed, mounts):
    shutil.rmtree(home, ignore_errors=True)
    # A URL can be a file and a folder at once; the shorter one then stands, and the longer one is missing.
    for place, data in sorted(placed.items()):
        if any((home / folder).is_file() for folder in Path(place).parents):
            continue
        (home / place).parent.mkdir(parents=True, exist_ok=True)
        (home / place).write_bytes(data)
    lines = ['root = "bulk"', "", "[references]", *(f'"{url}" = "{place}"' for url, place in sorted(mounts.items()))]
    (home / "eventsmith.toml").write_text("\n".join(lines) + "\n")


def attempt(result):
    """Runs the commands over one catalogue."""
    home = Path(result["home"])
    lint = run(result, "lint", ["lint", "--format", "json", "--schemas", home])
    if lint is not None:
        result["rules"], errors = findings(lint)
        result["linted"] = not errors
        if errors:
            result["lint"] = errors[0]
    result["generated"] = run(result, "generate", ["generate", "--schemas", home, "--out", home / "events.rs"]) is not None
    example = run(result, "example", ["example", "--schemas", home, result["type"]])
    if example is not None:
        # An array is several payloads, so that one that is an array stands in another.
        (home / "example.data").write_bytes(b"[" + example + b"]")
        checked = ["validate", "--schemas", home, "--event", result["type"], home / "example.data"]
        result["valid"] = run(result, "validate", checked) is not None
    return result


def run(result, name, arguments):
    """What a command prints, or nothing where it fails or costs too much; the reason is noted."""
    # A process between, so that the memory of this one does not count.
    command = [sys.executable, HERE.parent / "measure.py", BINARY, *arguments]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=-1, stderr=-1, start_new_session=True) as process:
        try:
            printed, told = process.communicate(timeout=12 * SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            result[name] = f"no end after {12 * SECONDS:.0f} s"
            return None
    # The figures are the last line.
    printed, figures = printed.rstrip(b"\n").rpartition(b"\n")[::2]
    seconds, megabytes = float(figures.split()[0]), int(figures.split()[1])
    result["seconds"] = max(result.get("seconds", 0.0), round(seconds, 2))
    result["megabytes"] = max(result.get("megabytes", 0), megabytes)
    if seconds > SECONDS or megabytes > MEGABYTES:
        result[f"{name} costs"] = f"{seconds:.1f} s, {megabytes} MB"
    # Findings are no failure of the command.
    if process.returncode == 0 or name in ("lint", "breaking") and process.returncode == 1:
        return printed
    words = (printed if name in ("generate", "validate") else b"") + told
    result[name] = words.decode(errors="replace").strip()[:2000] or f"status {process.returncode}"
    return None


def findings(printed):
    """How many findings of each rule, and the errors."""
    found = json.loads(printed)["findings"]
    errors = [f"{one['rule']}: {one['message']} ({one.get('pointer', '')})" for one in found if one["severity"] == "error"]
    return dict(Counter(f"{one['severity']} {one['rule']}" for one in found)), errors


def report(results):
    print("| files | linted | generated | compiled | examples valid | worst seconds | worst megabytes |")
    print("|---|---|---|---|---|---|---|")
    counts = [sum(bool(one.get(key)) for one in results) for key in ("linted", "generated", "compiled", "valid")]
    worst = [max((one.get(key, 0) for one in results), default=0) for key in ("seconds", "megabytes")]
    print("|", " | ".join(map(str, [len(results), *counts, *worst])), "|")
    rules = Counter()
    for one in results:
        rules.update(one.get("rules", {}))
    print("\nfindings:", ", ".join(f"{count} {rule}" for rule, count in rules.most_common()))
    for one in results:
        for key in ("lint", "generate", "compile", "example", "validate"):
            if key in one:
                print(f"\n{one['file']}: {key}: {one[key][:600]}")
            if f"{key} costs" in one:
                print(f"\n{one['file']}: {key}: {one[f'{key} costs']}")


if __name__ == "__main__":
    main()
