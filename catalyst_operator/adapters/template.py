"""The bootstrap kit's shared template, as files: what a Git repository without one gets with its first overlay."""

from __future__ import annotations

from pathlib import Path

FOLDER = "clusters/_template"
IN_IMAGE = Path("/opt/catalyst") / FOLDER


def default_folder() -> Path:
    """Beside the package in a checkout, else where the image has it."""
    checkout = Path(__file__).resolve().parents[2] / FOLDER
    return checkout if checkout.is_dir() else IN_IMAGE


def read(folder: Path) -> dict[str, str]:
    """Path in a repository -> text; nothing if there is no such folder."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {f"{FOLDER}/{path.relative_to(folder)}": path.read_text(encoding="utf-8") for path in files}
