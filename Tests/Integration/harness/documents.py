"""Runs what a page of the documentation shows, and compares what comes out with what it says."""

import re
import subprocess
from dataclasses import dataclass

from .aviary import ROOT

# What is another each time: cursors, zxids, ids, times.
_VOLATILE = re.compile(
    r"(?P<hex>\b[0-9a-f]{32}|\b[0-9a-f]{16}|\b[0-9a-f]{8})(?=\b|__)|(?P<time>\b[0-9]{13}\b)"
    r"|(?P<elided>…)"
)
_END = "<end of command>"


@dataclass
class Block:
    """One fenced block of code."""

    language: str
    heading: str
    text: str

    def commands(self):
        """The commands of a `console` block, each with the output shown below it."""
        found = []
        for line in self.text.splitlines():
            if line.startswith("$ "):
                found.append([line[2:], []])
            elif line.startswith("> ") and not found[-1][1]:
                found[-1][0] += "\n" + line[2:]
            else:
                found[-1][1].append(line)
        return [(command, "\n".join(output)) for command, output in found]


def blocks(page, heading=None, language=None):
    """The fenced blocks of a page, by the heading above them and the word after the fence."""
    found, above, fence, lines = [], None, None, []
    for line in (ROOT / page).read_text().splitlines():
        if fence is not None:
            if line == "```":
                found.append(Block(fence, above, "\n".join(lines) + "\n"))
                fence = None
            else:
                lines.append(line)
        elif line.startswith("```"):
            fence, lines = line[3:], []
        elif line.startswith("#"):
            above = line.lstrip("# ")
    assert fence is None, f"a block of {page} has no end"
    return [
        block
        for block in found
        if heading in (None, block.heading) and language in (None, block.language)
    ]


def on(ensemble, text):
    """The text with the addresses of this ensemble in place of those of `make run`."""

    def port(match):
        return f"127.0.0.1:{ensemble[int(match[1])].seat.http}"

    return re.sub(r"127\.0\.0\.1:718([1-3])\b", port, text)


def run(ensemble, shown, folder, timeout=120):
    """Runs the commands of `console` blocks in one shell, in a folder of their own.

    Fails where an output is not what the page shows. There `…` stands for anything, and what is
    another each time has only the same form.
    """
    commands = [command for block in shown for command in block.commands()]
    assert commands
    script = "".join(f"{on(ensemble, command)}\nprintf '\\n{_END}\\n'\n" for command, _ in commands)
    ended = subprocess.run(
        ["bash", "-c", script],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
        text=True,
        cwd=folder,
        timeout=timeout,
    )
    outputs = ended.stdout.split(f"\n{_END}\n")[:-1]
    print("\n".join(f"$ {command}\n{output}" for (command, _), output in zip(commands, outputs)))
    assert len(outputs) == len(commands), ended.stdout
    for (command, shown_output), output in zip(commands, outputs):
        output = output.replace("\r", "").strip("\n")
        assert re.fullmatch(_pattern(on(ensemble, shown_output)), output, re.DOTALL), (
            f"{command}\nshows:  {shown_output}\nit was: {output}"
        )


def _pattern(text):
    pattern, end = "", 0
    for match in _VOLATILE.finditer(text):
        pattern += re.escape(text[end : match.start()])
        if match["hex"]:
            pattern += f"[0-9a-f]{{{len(match['hex'])}}}"
        else:
            pattern += "[0-9]{13}" if match["time"] else ".*?"
        end = match.end()
    return pattern + re.escape(text[end:].rstrip("\n"))
