"""Compiles the generated texts: one crate for each batch, one module for each file."""

import re
import subprocess
import sys
from pathlib import Path

RUNTIME = Path(__file__).resolve().parents[3] / "runtime"
# So much text needs about 3 GB of the compiler.
BATCH = 3_000_000


def compile_all(folder, results):
    """Notes in each result whether its text compiles, and the first error where it does not."""
    for number, batch in enumerate(batches([one for one in results if one.get("generated")])):
        print(f"batch {number}: {len(batch)} files", file=sys.stderr, flush=True)
        compile_batch(folder, number, batch)


def batches(results):
    batch, size = [], 0
    for result in results:
        length = events(result).stat().st_size
        if batch and size + length > BATCH:
            yield batch
            batch, size = [], 0
        batch.append(result)
        size += length
    if batch:
        yield batch


def events(result):
    return Path(result["home"]) / "events.rs"


def compile_batch(folder, number, batch):
    crate = folder / f"batch{number}"
    (crate / "src").mkdir(parents=True, exist_ok=True)
    (crate / "Cargo.toml").write_text(f"""[package]
name = "batch{number}"
version = "0.1.0"
edition = "2024"

[workspace]

[dependencies]
eventsmith = {{ path = {str(RUNTIME)!r}, default-features = false }}
serde = {{ version = "1.0", features = ["derive"] }}
""")
    # An error of one module may hide those of later phases in another, so what fails is taken out.
    while batch:
        modules = {f"m{place}": result for place, result in enumerate(batch)}
        lines = [f'#[path = {str(events(result).resolve())!r}]\npub mod {name};'.replace("'", '"') for name, result in modules.items()]
        (crate / "src/lib.rs").write_text("#![allow(warnings)]\n" + "\n".join(lines) + "\n")
        command = ["cargo", "check", "--quiet", "--offline", "--message-format", "short"]
        environment = ["env", f"CARGO_TARGET_DIR={folder.resolve() / 'target'}", "CARGO_INCREMENTAL=0"]
        result = subprocess.run([*environment, *command], cwd=crate, capture_output=True, text=True)
        if result.returncode == 0:
            for one in batch:
                one["compiled"] = True
            return
        failed = {}
        for line in result.stderr.splitlines():
            if match := re.match(r"(/.*events\.rs):\d+:\d+: error.*", line):
                failed.setdefault(match.group(1), line.removeprefix(match.group(1)))
        rest = []
        for one in batch:
            if (reason := failed.get(str(events(one).resolve()))) is None:
                rest.append(one)
            else:
                one["compile"] = reason
        if len(rest) == len(batch):
            for one in batch:
                one["compile"] = "the batch: " + result.stderr[-500:]
            return
        batch = rest
