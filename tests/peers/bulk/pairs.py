"""Compares neighbouring versions of public schema files by `eventsmith breaking`, and prints how many pairs stay undecided.

    python3 tests/peers/bulk/pairs.py FOLDER [--pairs FILE] [--only TEXT]

A pair is a file of a package and the same file of the package's next version in the list, or two files of one package whose
paths differ in a version number only. Each is compared in both directions.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import bulk
import catalogues
from packages import Package, fetched

HERE = Path(__file__).parent
NUMBER = re.compile(r"\d+(?:[._]\d+)*")


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("folder", type=Path)
    arguments.add_argument("--pairs", type=Path, default=HERE / "pairs.txt")
    arguments.add_argument("--only", default="", help="only pairs whose package or path contains this")
    options = arguments.parse_args()
    tried = [pair for pair in collect(options) if options.only in pair["file"]]
    print(f"{len(tried)} pairs", file=sys.stderr)
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        results = list(pool.map(compare, tried))
    (options.folder / "pairs.json").write_text(json.dumps(results, indent=1) + "\n")
    report(results)


def collect(options):
    known = set()
    for line in options.pairs.read_text().splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        registry, name, *versions = line.split()
        packages = []
        for version in versions:
            try:
                packages.append(Package(name, fetched(options.folder / "cache", registry, name, version)))
            except (OSError, ValueError, subprocess.SubprocessError) as error:
                print(f"{name} {version}: not fetched: {error}", file=sys.stderr)
        sides = [((old, path), (new, path)) for old, new in pairwise(packages) for path in old.schemas() if path in new.documents]
        for package in packages:
            sides += [((package, old), (package, new)) for old, new in neighbours(package.schemas())]
        for (old, old_path), (new, new_path) in sides:
            texts = json.dumps(old.documents[old_path]), json.dumps(new.documents[new_path])
            if texts[0] != texts[1] and texts not in known:
                known.add(texts)
                yield catalogue(options.folder / "pairs", len(known), (old, old_path), (new, new_path))


def neighbours(paths):
    """Files whose paths differ in a version only, in the order of the versions."""
    groups = {}
    for path in paths:
        if NUMBER.search(path):
            groups.setdefault(NUMBER.sub("*", path), []).append(path)
    key = lambda path: [[int(part) for part in re.split(r"[._]", number)] for number in NUMBER.findall(path)]
    for group in groups.values():
        yield from pairwise(sorted(group, key=key))


def catalogue(folder, number, old, new):
    """Two catalogues with one event, which has the path of the newer file."""
    home = folder / f"{number:04}"
    shutil.rmtree(home, ignore_errors=True)
    event = "domain/pair/file.v1.json"
    for name, (package, path) in (("old", old), ("new", new)):
        here, placed, mounts = catalogues.files(package, path)
        # Both have the path of the event in common, as deep as the file lies in its package.
        folders = [f"d{depth}" for depth in range(here.count("/") - 2)]
        event = "/".join(["domain", "x", *folders, "file.v1.json"])
        bulk.write(home / name, {event if place == here else place: data for place, data in placed.items()}, mounts)
    return {"file": f"{old[0].name} {old[1]} -> {new[1]}", "home": str(home), "bytes": len(new[0].texts[new[1]])}


def compare(result):
    home = Path(result["home"])
    printed = bulk.run(result, "breaking", ["breaking", "--format", "json", "--schemas", home / "new", "--against", home / "old"])
    if printed is not None:
        result["comparisons"] = [
            {key: one.get(key) for key in ("direction", "status", "schema_pointer", "reason")}
            for one in json.loads(printed)["comparisons"]
        ]
    return result


def report(results):
    comparisons = [one for result in results for one in result.get("comparisons", [])]
    count = lambda status: sum(one["status"] == status for one in comparisons)
    print("| pairs | compared | compatible | breaking | undecided | worst seconds | worst megabytes |")
    print("|---|---|---|---|---|---|---|")
    worst = [max((one.get(key, 0) for one in results), default=0) for key in ("seconds", "megabytes")]
    compatible = count("compatible") + count("identical")
    print("|", " | ".join(map(str, [len(results), len(comparisons), compatible, count("breaking"), count("undecided"), *worst])), "|")
    for result in results:
        undecided = [one for one in result.get("comparisons", []) if one["status"] == "undecided"]
        notes = [f"{one['direction']}: {one['schema_pointer']}: {one['reason']}" for one in undecided]
        notes += [result[key] for key in ("breaking", "breaking costs") if key in result]
        for note in notes:
            print(f"\n{result['file']} ({result['home'][-4:]}, {result.get('seconds')} s): {note[:300]}")


if __name__ == "__main__":
    main()
