"""From windows to tables: medians with their spread, relative to a baseline of the same round."""

import os
import statistics
from dataclasses import dataclass

import machine
import measure
import plot
from goals import GOALS
from servers import BY_KEY, SERVERS
from workloads import MAIN, TLS, WORKLOADS


@dataclass
class Row:
    """One server in one workload."""

    key: str
    good: int
    dropped: int
    #: Median, least and greatest, in the unit of the workload.
    unit: tuple
    #: Median and quartiles of the ratios to the baseline; None without a baseline.
    ratio: tuple
    rate: float
    #: Median, 90th and 99th percentile in ms, where they were measured.
    latency: tuple
    load_busy: float
    server_busy: float
    calls: dict


def spread(values):
    """Median and quartiles."""
    if len(values) < 2:
        return (values[0],) * 3
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return middle, low, high


def rows(result):
    """The servers of a workload that have figures, in their order."""
    workload = WORKLOADS[result["workload"]]
    windows = {key: [w for w in seen if w["good"]] for key, seen in result["windows"].items()}
    base = {w["round"]: w["per_unit"] for w in windows.get(workload.baseline, [])}
    table = []
    for server in SERVERS:
        good = windows.get(server.key)
        if not good:
            continue
        units = [w["per_unit"] * workload.scale for w in good]
        ratios = [w["per_unit"] / base[w["round"]] for w in good if w["round"] in base]
        latency = ()
        if "p50" in good[0] and workload.measure is measure.window:
            latency = tuple(statistics.median(w[name] for w in good) / 1e3 for name in ("p50", "p90", "p99"))
        table.append(
            Row(
                server.key,
                len(good),
                sum("failure" not in w and not w["good"] for w in result["windows"][server.key]),
                (statistics.median(units), min(units), max(units)),
                spread(ratios) if ratios else None,
                statistics.median(w["rate"] for w in good),
                latency,
                statistics.median(w["load_busy"] for w in good),
                statistics.median(w["server_busy"] for w in good),
                good[-1].get("calls", {}),
            )
        )
    return table


def figure(value):
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 20 else f"{value:.2f}"


def lines(result):
    """What a run prints."""
    for row in rows(result):
        ratio = f"{row.ratio[0]:5.2f} ({row.ratio[1]:.2f} to {row.ratio[2]:.2f})" if row.ratio else ""
        unit = f"{figure(row.unit[0]):>8} ({figure(row.unit[1])} to {figure(row.unit[2])})"
        yield f"{row.key:22} {ratio:22} {unit:30} {row.rate:9.0f}/s  {row.good} windows, {row.dropped} dropped"


def write(out, results):
    """Writes a document of what was measured in the clear, and one of TLS; none where there is nothing to tell."""
    plain, secure = (
        {key: result for key, result in results.items() if WORKLOADS[key].secure == secure} for secure in (False, True)
    )
    if plain:
        folder = os.path.join(out, "results")
        os.makedirs(folder, exist_ok=True)
        tables = {key: rows(result) for key, result in plain.items()}
        plots = plot.write(folder, tables)
        save(os.path.join(out, "RESULTS.md"), document("Results", MAIN, plain, tables, plots))
        print(f"wrote {len(plots)} plots")
    if secure:
        tables = {key: rows(result) for key, result in secure.items()}
        save(os.path.join(out, "RESULTS-tls.md"), document("Results with TLS", TLS, secure, tables, []))


def save(path, document):
    with open(path, "w") as file:
        file.write("\n".join(document) + "\n")
    print(f"wrote {os.path.relpath(path)}")


def document(name, workloads, results, tables, plots):
    yield f"# {name}"
    yield ""
    yield "Written by `benches/load/load.py`; [load/README.md](load/README.md) says how it measures."
    yield ""
    yield from about(results, tables)
    yield from main_table(workloads, tables)
    for name, title in plots:
        yield f"![{title}](results/{name})"
        yield ""
    yield from goals(tables)
    for key, result in results.items():
        yield from details(WORKLOADS[key], result, tables[key])


def about(results, tables):
    last = list(results.values())[-1]
    where = last["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in where["versions"].items() if name in told(tables))
    virtual = " of a virtual machine" if where["virtual"] else ""
    yield f"- Machine: {where['cpu']}, {where['cores']} cores{virtual}, {where['memory']}, Linux {where['kernel']}."
    yield f"- Servers have cores {words(last['cores']['server'])}, the load has cores {words(last['cores']['load'])}."
    tools = [name for name in ("nginx", "openssl") if name in told(tables)]
    programs = "".join(f", {name} {where[name]}" for name in tools)
    yield f"- rustc {where['rustc']}, wrk {where['wrk']}{programs}, {versions}."
    yield f"- anyloop at commit {' and '.join(sorted({result['machine']['commit'] for result in results.values()}))}."
    yield f"- Measured {min(result['when'] for result in results.values())} to {max(r['when'] for r in results.values())}."
    dropped = sum(row_dropped(result) for result in results.values())
    total = sum(len(seen) for result in results.values() for seen in result["windows"].values())
    foreign = max(result["foreign"] for result in results.values())
    yield (
        f"- {total} windows, {dropped} of them dropped, because more than {foreign:.0%} of a set of cores went to other"
        " processes or was stolen."
    )
    yield ""


def told(tables):
    """Whose versions matter: who is in the tables, and what TLS is made of."""
    if any(WORKLOADS[key].secure for key in tables):
        return "tokio smol async-std hyper actix-web rustls tokio-rustls ring openssl".split()
    return [name for name in [*machine.PEERS, "nginx"] if "rustls" not in name and name != "ring"]


def row_dropped(result):
    return sum("failure" not in w and not w["good"] for seen in result["windows"].values() for w in seen)


def words(numbers):
    return ", ".join(map(str, numbers))


def main_table(workloads, tables):
    keys = [workload.key for workload in workloads if workload.key in tables]
    if not keys:
        return
    yield "## CPU a request, hyper on tokio = 1.00"
    yield ""
    yield "Median of the ratios of interleaved windows, and their quartiles. Less is better."
    yield ""
    yield "| | " + " | ".join(WORKLOADS[key].title for key in keys) + " |"
    yield "| --- |" + " ---: |" * len(keys)
    found = {key: {row.key: row for row in tables[key]} for key in keys}
    for server in SERVERS:
        cells = [ratio_cell(found[key].get(server.key)) for key in keys]
        if any(cell != "-" for cell in cells):
            yield f"| {title(server)} | " + " | ".join(cells) + " |"
    yield ""


def title(server):
    return f"**{server.title}**" if server.group == "ours" else server.title


def ratio_cell(row):
    if row is None or row.ratio is None:
        return "-"
    return f"{row.ratio[0]:.2f} ({row.ratio[1]:.2f} to {row.ratio[2]:.2f})"


def goals(tables):
    yield "## Goals"
    yield ""
    yield "| goal | at most | measured | |"
    yield "| --- | ---: | ---: | --- |"
    for goal in GOALS:
        value = goal.value(tables)
        if value is None:
            continue
        relation = "at least " if goal.least else ""
        reached = value >= goal.bound if goal.least else value <= goal.bound
        yield f"| {goal.title} | {relation}{goal.bound:g} | {value:.2f} | {'reached' if reached else 'missed'} |"
    yield ""


def details(workload, result, table):
    yield f"## {workload.title[0].upper()}{workload.title[1:]}"
    yield ""
    if workload.note:
        yield workload.note
        yield ""
    latency = any(row.latency for row in table)
    rate = any(row.rate for row in table)
    base = BY_KEY[workload.baseline].title
    unit = workload.unit
    heads = [f"{unit}: median (least to most)", f"relative to {base} (quartiles)"]
    heads += ["MiB/s" if "MiB" in unit else "handshakes/s" if "handshake" in unit else "requests/s"] if rate else []
    heads += ["latency ms: median, 90 %, 99 %"] if latency else []
    heads += ["most of them"] if any(row.calls for row in table) else []
    yield "| | " + " | ".join([*heads, "windows (dropped)"]) + " |"
    yield "| --- |" + " ---: |" * (len(heads) + 1)
    for row in table:
        cells = [f"{figure(row.unit[0])} ({figure(row.unit[1])} to {figure(row.unit[2])})", ratio_cell(row)]
        cells += [f"{row.rate:,.0f}" + ("*" if row.load_busy > measure.BUSY else "")] if rate else []
        cells += [", ".join(figure(value) for value in row.latency) or "-"] if latency else []
        if row.calls:
            most = sorted(row.calls.items(), key=lambda item: -item[1])[:4]
            cells.append(", ".join(f"{name} {count:.2f}" for name, count in most if count >= 0.01))
        yield f"| {title(BY_KEY[row.key])} | " + " | ".join([*cells, f"{row.good} ({row.dropped})"]) + " |"
    yield ""
    if any(row.load_busy > measure.BUSY for row in table) and rate:
        yield "\\* the load used all of its cores: the server could do more."
        yield ""
    for key, failure in result["failed"].items():
        yield f"{BY_KEY[key].title} is left out: {failure}."
        yield ""
