"""The plots, as SVG written by hand: rows of servers, columns of workloads."""

import math
import os
from dataclasses import dataclass
from html import escape

import measure
from servers import BY_KEY, SERVERS
from workloads import MAIN, WORKLOADS

INK, QUIET, FAINT, PAPER = "#1f2933", "#66727f", "#e3e8ed", "#ffffff"
COLOURS = {"ours": "#0b7285", "peer": "#9aa5b1", "limit": "#e8890c"}
LABELS, COLUMN, GAP, ROW, TOP, BOTTOM = 200, 164, 26, 22, 92, 30
#: The part of a column on the right that is for figures.
FIGURES = 46
LINES = {
    "anyloop-tokio": "#0b7285",
    "anyloop-smol": "#3b5bdb",
    "anyloop-async-std": "#9c36b5",
    "hyper": "#868e96",
    "nginx": "#2b8a3e",
    "raw": "#e8890c",
}


class Svg:
    """A drawing that grows."""

    def __init__(self, width, height, title, subtitle):
        self.parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
            f' role="img" font-family="system-ui, -apple-system, Segoe UI, Helvetica, Arial, sans-serif" font-size="12">',
            f"<title>{escape(title)}</title>",
            f'<rect width="{width}" height="{height}" rx="8" fill="{PAPER}"/>',
        ]
        self.text(20, 30, title, size=17, weight=600)
        self.text(20, 50, subtitle, fill=QUIET)

    def text(self, x, y, text, size=12, fill=INK, anchor="start", weight=400):
        self.parts.append(
            f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" font-weight="{weight}" fill="{fill}"'
            f' text-anchor="{anchor}">{escape(str(text))}</text>'
        )

    def line(self, x1, y1, x2, y2, stroke=FAINT, width=1.0, dash=""):
        dash = f' stroke-dasharray="{dash}"' if dash else ""
        self.parts.append(
            f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{stroke}" stroke-width="{width}"{dash}/>'
        )

    def bar(self, x, y, width, height, fill):
        self.parts.append(
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width, 1):.1f}" height="{height}" rx="2" fill="{fill}"/>'
        )

    def dot(self, x, y, fill, radius=4.5):
        self.parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius}" fill="{fill}"/>')

    def path(self, points, stroke):
        steps = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self.parts.append(f'<polyline points="{steps}" fill="none" stroke="{stroke}" stroke-width="2"/>')

    def end(self):
        return "\n".join([*self.parts, "</svg>", ""])


@dataclass
class Column:
    """One workload: a title, and a figure, its spread or `None`, and its label for each server."""

    title: str
    cells: dict
    limit: float
    line: float | None = None


def chart(title, subtitle, columns, draw):
    """Rows of servers beside columns of figures."""
    keys = [server.key for server in SERVERS if any(server.key in column.cells for column in columns)]
    width = LABELS + len(columns) * (COLUMN + GAP) + 20
    svg = Svg(max(width, 560), TOP + len(keys) * ROW + BOTTOM, title, subtitle)
    for at, key in enumerate(keys):
        y = TOP + at * ROW + ROW / 2
        server = BY_KEY[key]
        ours = server.group == "ours"
        svg.text(LABELS - 6, y + 4, server.title, anchor="end", weight=600 if ours else 400, fill=COLOURS["ours"] if ours else INK)
    for number, column in enumerate(columns):
        left = LABELS + number * (COLUMN + GAP) + 10
        for step, words in enumerate(wrapped(column.title)):
            svg.text(left, TOP - 24 + step * 14, words, weight=600)
        svg.line(left, TOP, left, TOP + len(keys) * ROW)
        if column.line is not None:
            x = left + (COLUMN - FIGURES) * column.line / column.limit
            svg.line(x, TOP, x, TOP + len(keys) * ROW, QUIET, dash="3 3")
        for at, key in enumerate(keys):
            if key in column.cells:
                draw(svg, left, TOP + at * ROW + ROW / 2, column, column.cells[key], COLOURS[BY_KEY[key].group])
    return svg.end()


def wrapped(title):
    head, _, tail = title.partition(", ")
    return [head, tail] if tail else ["", head]


def draw_bar(svg, left, y, column, cell, colour):
    value, label = cell
    width = (COLUMN - FIGURES - 10) * min(value / column.limit, 1)
    svg.bar(left, y - 7, width, 14, colour)
    svg.text(left + width + 5, y + 4, label, size=11, fill=QUIET)


def draw_spread(svg, left, y, column, cell, colour):
    middle, low, high = cell
    where = lambda value: left + (COLUMN - FIGURES) * min(value / column.limit, 1)
    if middle > column.limit:
        svg.text(where(middle), y + 4, "→", fill=colour, anchor="end", weight=600)
    else:
        svg.line(where(low), y, where(high), y, colour, 3)
        svg.dot(where(middle), y, colour)
    svg.text(left + COLUMN, y + 4, f"{middle:.2f}", size=11, fill=QUIET, anchor="end")


def draw_latency(svg, left, y, column, cell, colour):
    # A scale of powers: the slowest would flatten the others.
    where = lambda value: left + (COLUMN - FIGURES - 36) * max(0.0, math.log10(value / 0.01) / math.log10(column.limit / 0.01))
    svg.line(where(cell[0]), y, where(cell[2]), y, colour, 2)
    for value, radius in zip(cell, (4.5, 3.5, 2.5)):
        svg.dot(where(value), y, colour, radius)
    svg.text(left + COLUMN, y + 4, f"{cell[0]:.2f} / {cell[2]:.{2 if cell[2] < 10 else 0}f}", size=11, fill=QUIET, anchor="end")


def cpu(tables):
    columns = []
    for workload in MAIN:
        cells = {row.key: row.ratio for row in tables.get(workload.key, []) if row.ratio}
        if cells:
            columns.append(Column(workload.title, cells, limit=2.0, line=1.0))
    title = "CPU time a request"
    return columns and chart(title, "hyper on tokio = 1; median and quartiles of interleaved windows; less is better", columns, draw_spread)


def short(value):
    return f"{value / 1e6:.2f} M" if value >= 1e6 else f"{value / 1e3:.0f} k" if value >= 1e4 else f"{value:,.0f}"


def throughput(tables):
    columns = []
    for workload in MAIN:
        table = tables.get(workload.key, [])
        if table:
            mark = lambda row: "*" if row.load_busy > measure.BUSY else ""
            cells = {row.key: (row.rate, short(row.rate) + mark(row)) for row in table}
            columns.append(Column(workload.title, cells, limit=max(row.rate for row in table)))
    return columns and chart("Requests a second", "* wrk used all of its cores: the server could do more", columns, draw_bar)


def latency(tables):
    columns = []
    for key in ("keepalive-64", "keepalive-512"):
        cells = {row.key: row.latency for row in tables.get(key, []) if row.latency}
        if cells:
            columns.append(Column(WORKLOADS[key].title, cells, limit=max(cell[2] for cell in cells.values())))
    subtitle = "median, 90 % and 99 % at full load, logarithmic; the figures are median / 99 % in ms"
    return columns and chart("Latency", subtitle, columns, draw_latency)


def memory(tables):
    table = tables.get("idle-10000", [])
    if not table:
        return None
    cells = {row.key: (row.unit[0], f"{row.unit[0]:.2f} KiB") for row in table}
    column = Column("10,000 connections, each after one request", cells, limit=max(row.unit[0] for row in table))
    return chart("Memory of an idle keep-alive connection", "what the process grows by, without the kernel's part", [column], draw_bar)


def connections(tables):
    counts = [count for count in (1, 64, 1000, 10000) if f"connections-{count}" in tables]
    series = {}
    for count in counts:
        for row in tables[f"connections-{count}"]:
            series.setdefault(row.key, []).append((count, row.unit[0]))
    if len(counts) < 2:
        return None
    width, height, left, right, top, bottom = 760, 380, 60, 190, 80, 50
    svg = Svg(width, height, "CPU time a request, by connections", "µs; opening the connections included")
    most = max(value for points in series.values() for _, value in points) * 1.05
    x = lambda count: left + (width - left - right) * math.log10(count) / 4
    y = lambda value: height - bottom - (height - top - bottom) * value / most
    step = 10 ** math.floor(math.log10(most)) / (2 if most / 10 ** math.floor(math.log10(most)) < 4 else 1)
    for mark in range(int(most / step) + 1):
        svg.line(left, y(mark * step), width - right, y(mark * step))
        svg.text(left - 8, y(mark * step) + 4, f"{mark * step:g}", anchor="end", fill=QUIET)
    for count in counts:
        svg.text(x(count), height - bottom + 20, f"{count:,}", anchor="middle", fill=QUIET)
    placed = []
    for key, points in sorted(series.items(), key=lambda item: item[1][-1][1]):
        colour = LINES.get(key, QUIET)
        svg.path([(x(count), y(value)) for count, value in points], colour)
        for count, value in points:
            svg.dot(x(count), y(value), colour, 3.5)
        label = min([y(points[-1][1]), *(other - 15 for other in placed)])
        placed.append(label)
        svg.text(x(points[-1][0]) + 12, label + 4, BY_KEY[key].title, fill=colour, weight=600)
    return svg.end()


PLOTS = {
    "cpu.svg": (cpu, "CPU time a request, relative to hyper"),
    "throughput.svg": (throughput, "Requests a second"),
    "latency.svg": (latency, "Latency"),
    "memory.svg": (memory, "Memory of an idle connection"),
    "connections.svg": (connections, "CPU time a request, by connections"),
}


def write(folder, tables):
    """Writes the plots for which there are figures. Returns their names and titles."""
    written = []
    for name, (make, title) in PLOTS.items():
        drawing = make(tables)
        if drawing:
            with open(os.path.join(folder, name), "w") as file:
                file.write(drawing)
            written.append((name, title))
    return written
