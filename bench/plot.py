"""The ratios of a run as a plot: how many times the peer's figure Aviary's is."""

import matplotlib

matplotlib.use("svg")
# Text stays text, and two plots of the same figures are the same file.
matplotlib.rcParams["svg.fonttype"] = "none"
matplotlib.rcParams["svg.hashsalt"] = "aviary"

from matplotlib import pyplot

COLOURS = {"ZooKeeper": "#8a5a2b", "etcd": "#2b6c8a", "bare libmicrohttpd": "#888888"}


def draw(rows, file):
    bars = [
        (f"{row['work']}", target)
        for row in rows
        for target in row["targets"]
        if target["of"] is not None
    ]
    figure, axes = pyplot.subplots(figsize=(10, 0.32 * len(bars) + 1))
    for position, (work, target) in enumerate(bars):
        axes.barh(position, target["ratio"], color=COLOURS[target["of"]], height=0.7)
        axes.plot([target["factor"]] * 2, [position - 0.4, position + 0.4], color="black")
    axes.set_yticks(range(len(bars)), [f"{work} ({target['is']})" for work, target in bars])
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.axvline(1, color="#cccccc", zorder=0)
    axes.set_xlabel("Aviary ÷ peer; the black mark is the target, at most (<=) or at least (>=)")
    handles = [pyplot.Rectangle((0, 0), 1, 1, color=colour) for colour in COLOURS.values()]
    axes.legend(handles, COLOURS, loc="best")
    figure.tight_layout()
    figure.savefig(file, format="svg", metadata={"Date": None})
