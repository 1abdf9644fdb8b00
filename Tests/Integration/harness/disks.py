"""Disks of a limited size: file systems in memory, mounted for one test."""

import os
import subprocess
import tempfile
from pathlib import Path

FILLER = "filler"


def why_no_mounts():
    """Why nothing can be mounted here; None if it can."""
    with tempfile.TemporaryDirectory() as folder:
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder],
            capture_output=True,
            check=False,
            text=True,
        )
        if mounted.returncode != 0:
            return mounted.stderr.strip() or "mount failed"
        subprocess.run(["umount", folder], check=True)
    return None


class SmallDisk:
    """A file system of its own on a folder, which others can fill."""

    def __init__(self, folder, size):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", self.folder], check=True
        )

    @property
    def free(self):
        figures = os.statvfs(self.folder)
        return figures.f_bavail * figures.f_frsize

    def fill(self, leaving=0):
        """Takes all room but so many bytes, as somebody else on the machine might."""
        with (self.folder / FILLER).open("ab") as filler:
            while (wanted := self.free - leaving) > 0:
                size = filler.seek(0, os.SEEK_END)
                try:
                    os.posix_fallocate(filler.fileno(), size, wanted)
                except OSError:
                    # Somebody else was faster.
                    continue

    def clear(self):
        (self.folder / FILLER).unlink(missing_ok=True)

    def unmount(self):
        # Lazily: a process that was killed may not be quite gone.
        subprocess.run(["umount", "--lazy", self.folder], check=True)
