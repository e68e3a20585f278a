#!/usr/bin/env python3
"""Draws kernels under their roofs: operations a second against operations per byte, both axes logarithmic.

  kernels_bench --benchmark_repetitions=5 --benchmark_out=FILE.json --benchmark_out_format=json
  bench/roofline.py FILE.json... -o roofline.svg [--table TABLE.md] [--filter RE] [--processor NAME]

Where there are repetitions the median of each figure is taken. Several files are measurements of the same program, the later ones replacing
lines of the earlier. Roofs are those of the lines peak_integer, peak_float and read_memory; a kernel's own roof, which its share is of, was
measured beside it (bench/roof.h).

  --filter RE       lines to draw (re.search in the benchmark's name) instead of the usual ones; the table has all
  --table FILE      products by type and columns, then the others, as Markdown
  --processor NAME  for the caption

Exit status 0, or 2 where a file is no such measurement.
"""
import argparse
import json
import math
import pathlib
import re
import statistics
import sys
from dataclasses import dataclass
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 1180, 820
LEFT, TOP, RIGHT, BOTTOM = 64, 44, 800, 760  # of the plot; the list stands right of it
RADIUS = 3.5
COLOURS = {"int8": "#1f5fbf", "f32": "#c2571a", "int8+f32": "#7a3fa0"}
# Enough to see what is where; all lines would leave no room for their numbers.
DRAWN = r"^(attention|quantize_row|silu_mul|softmax|rms_norm|search)/|/(65536|32768)/2048/(1|4|16)$|/2048/2048/512$"
CACHES = {16: "first cache", 512: "second cache", 16 << 10: "third cache", 512 << 10: "memory"}  # KiB


class Failure(Exception):
    pass


@dataclass(frozen=True)
class Kernel:
    name: str      # matmul/q4_0/65536/2048/1
    per_byte: float
    speed: float   # Gop/s; of what computes nothing 0
    bytes: float   # GB/s
    roof: float    # Gop/s, or GB/s of what computes nothing; 0: unknown
    share: float
    bound: str     # memory, int8, f32, int8+f32

    @property
    def label(self):
        parts = self.name.split("/")
        if parts[0] == "matmul" and len(parts) == 5:
            return f"{parts[1]} {parts[2]}x{parts[3]} n={parts[4]}"
        if parts[0] == "attention" and len(parts) == 3:
            return f"attention {parts[1]} tokens={parts[2]}"
        return " ".join(parts)

    @property
    def arithmetic(self):
        parts = self.name.split("/")
        if parts[0] == "attention":
            return "int8+f32" if parts[1] == "q8_0" else "f32"
        return "int8" if parts[0] == "matmul" and parts[1] not in ("f32", "f16", "bf16") and not parts[1].endswith("_decoded") else "f32"


@dataclass(frozen=True)
class Roofs:
    integer: float  # Gop/s
    floats: float
    reading: dict   # KiB -> GB/s


def read_lines(documents):
    """Name -> counters, the medians of repetitions."""
    lines = {}
    for document in documents:
        runs, medians, labels = {}, {}, {}
        for entry in document.get("benchmarks", []):
            name = re.sub(r"/(?:iterations|repeats|min_time):[^/]*", "", entry.get("run_name", entry["name"]))
            labels.setdefault(name, entry.get("label", ""))
            if entry.get("run_type") == "aggregate":
                if entry.get("aggregate_name") == "median":
                    medians[name] = entry
            else:
                runs.setdefault(name, []).append(entry)
        for name in labels:
            counters = medians.get(name)
            if counters is None:
                keys = [k for k, v in runs[name][0].items() if isinstance(v, int | float) and not isinstance(v, bool)]
                counters = {k: statistics.median(run[k] for run in runs[name] if k in run) for k in keys}
            lines[name] = {**counters, "label": labels[name]}
    return lines


def kernels_and_roofs(lines):
    reading = {int(m[1]): line["GB/s"] for name, line in lines.items() if (m := re.fullmatch(r"read_memory/(\d+)", name))}
    missing = [name for name in ("peak_integer", "peak_float") if lines.get(name, {}).get("Gop/s", 0) <= 0] + ([] if reading else ["read_memory"])
    if missing:
        raise Failure(f"no lines {', '.join(missing)}: not a measurement of kernels_bench, one with a filter that leaves out the roofs, or of the reference kernels, "
                      "which have none")
    kernels = [Kernel(name, line.get("op/B", 0.0), line.get("Gop/s", 0.0), line["GB/s"], line.get("roof", 0.0), line.get("of_roof", 0.0), line["label"])
               for name, line in lines.items() if "GB/s" in line and not name.startswith("read_memory")]
    return kernels, Roofs(lines["peak_integer"]["Gop/s"], lines["peak_float"]["Gop/s"], reading)


@dataclass(frozen=True)
class Box:
    left: float
    top: float
    right: float
    bottom: float

    def meets(self, other):
        return self.left < other.right and other.left < self.right and self.top < other.bottom and other.top < self.bottom


class Plane:
    """The logarithmic plane, and what is taken of it."""

    def __init__(self, x_range, y_range):
        self.x_range, self.y_range = x_range, y_range

    def x(self, per_byte):
        low, high = (math.log10(v) for v in self.x_range)
        return LEFT + (math.log10(per_byte) - low) / (high - low) * (RIGHT - LEFT)

    def y(self, speed):
        low, high = (math.log10(v) for v in self.y_range)
        return BOTTOM - (math.log10(speed) - low) / (high - low) * (BOTTOM - TOP)


def plane_of(kernels, roofs):
    xs = [k.per_byte for k in kernels]
    ys = [k.speed for k in kernels] + [roofs.integer, roofs.floats]
    return Plane((min(xs) / 1.8, max(xs) * 1.8), (min(ys) / 1.8, max(ys) * 1.6))


def place_labels(points, taken):
    """A box for the number of each point (x, y), in turn the nearest free place around it. `taken`: boxes that are not free."""
    taken = list(taken) + [Box(x - RADIUS, y - RADIUS, x + RADIUS, y + RADIUS) for x, y in points]
    boxes = []
    for number, (x, y) in enumerate(points, 1):
        width, height = 6.2 * len(str(number)) + 2, 11
        for distance in range(10, 400, 4):
            around = [(x + distance * math.cos(a), y - distance * math.sin(a)) for a in (i * math.pi / 8 for i in range(16))]
            free = [box for cx, cy in around
                    if LEFT <= (box := Box(cx - width / 2, cy - height / 2, cx + width / 2, cy + height / 2)).left and box.right <= RIGHT
                    and TOP <= box.top and box.bottom <= BOTTOM and not any(box.meets(other) for other in taken)]
            if free:
                boxes.append(free[0])
                taken.append(free[0])
                break
        else:
            raise Failure(f"no room for the number of point {number}: draw fewer (--filter)")
    return boxes


def roof_lines(plane, roofs):
    """(svg, boxes that they and their texts take)."""
    out, boxes = [], []
    low, high = plane.x_range
    for name, peak, colour in (("int8", roofs.integer, COLOURS["int8"]), ("f32", roofs.floats, COLOURS["f32"])):
        y = plane.y(peak)
        start = peak / max(roofs.reading.values())
        out.append(f'<path d="M{plane.x(max(start, low)):.1f} {y:.1f}H{RIGHT}" stroke="{colour}" stroke-width="1.5"/>')
        text = f"{name} peak {peak:.0f} Gop/s"
        out.append(f'<text x="{RIGHT - 6}" y="{y - 5:.1f}" text-anchor="end" fill="{colour}">{text}</text>')
        boxes += [Box(RIGHT - 6 - 6.5 * len(text), y - 16, RIGHT, y), Box(plane.x(max(start, low)), y - 1, RIGHT, y + 1)]
    for kib, bandwidth in sorted(roofs.reading.items()):
        start = max(low, plane.y_range[0] / bandwidth)
        end = min(high, roofs.integer / bandwidth)
        if end <= start:
            continue
        x0, y0, x1, y1 = plane.x(start), plane.y(start * bandwidth), plane.x(end), plane.y(end * bandwidth)
        out.append(f'<path d="M{x0:.1f} {y0:.1f}L{x1:.1f} {y1:.1f}" stroke="#888" stroke-dasharray="5 3"/>')
        angle = math.atan2(y1 - y0, x1 - x0)
        name = CACHES.get(kib, f"{kib} KiB")
        text = f"{name} {bandwidth:.0f} GB/s"
        # Below the peak, left of the line: few kernels come there.
        tx, ty = x1 - 14 * math.cos(angle) + 4 * math.sin(angle), y1 - 14 * math.sin(angle) - 4 * math.cos(angle)
        out.append(f'<text transform="translate({tx:.1f} {ty:.1f}) rotate({math.degrees(angle):.1f})" text-anchor="end" fill="#666">{text}</text>')
        for i in range(0, round(6.2 * len(text)) + 8, 5):
            cx, cy = tx - i * math.cos(angle) + 4 * math.sin(angle), ty - i * math.sin(angle) - 4 * math.cos(angle)
            boxes.append(Box(cx - 6, cy - 6, cx + 6, cy + 6))
        for i in range(0, round(math.hypot(x1 - x0, y1 - y0)), 4):
            boxes.append(Box(x0 + i * math.cos(angle) - 1, y0 + i * math.sin(angle) - 2, x0 + i * math.cos(angle) + 1, y0 + i * math.sin(angle) + 2))
    return out, boxes


def axes(plane):
    out = []
    for (low, high), vertical in ((plane.x_range, True), (plane.y_range, False)):
        for exponent in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1):
            for factor in (1, 2, 5):
                value = factor * 10.0 ** exponent
                if not low <= value <= high:
                    continue
                colour = "#ccc" if factor == 1 else "#eee"
                if vertical:
                    x = plane.x(value)
                    out.append(f'<path d="M{x:.1f} {TOP}V{BOTTOM}" stroke="{colour}"/><text x="{x:.1f}" y="{BOTTOM + 16}" text-anchor="middle">{value:g}</text>')
                else:
                    y = plane.y(value)
                    out.append(f'<path d="M{LEFT} {y:.1f}H{RIGHT}" stroke="{colour}"/><text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{value:g}</text>')
    out.append(f'<text x="{(LEFT + RIGHT) / 2}" y="{BOTTOM + 36}" text-anchor="middle">operations per byte</text>'
               f'<text transform="translate(16 {(TOP + BOTTOM) / 2}) rotate(-90)" text-anchor="middle">Gop/s</text>')
    return out


def share(kernel):
    return f"{kernel.share:.0%}" if kernel.roof else ""


def drawing(kernels, roofs, caption):
    kernels = [k for k in kernels if k.speed > 0]
    if not kernels:
        raise Failure("no line to draw")
    plane = plane_of(kernels, roofs)
    height = max(HEIGHT, TOP + 16 * len(kernels) + 40)
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="11">',
           f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>', f'<text x="{LEFT}" y="24" font-size="14">{escape(caption)}</text>']
    lines, taken = roof_lines(plane, roofs)
    points = [(plane.x(k.per_byte), plane.y(k.speed)) for k in kernels]
    boxes = place_labels(points, taken)
    out += axes(plane) + lines
    head = RIGHT + 24
    out.append(f'<text x="{head + 8}" y="{TOP + 4}" fill="#666">kernel</text><text x="{WIDTH - 74}" y="{TOP + 4}" text-anchor="end" fill="#666">'
               f'Gop/s</text><text x="{WIDTH - 12}" y="{TOP + 4}" text-anchor="end" fill="#666">of its roof</text>')
    for number, (k, (x, y), box) in enumerate(zip(kernels, points, boxes, strict=True), 1):
        colour = COLOURS[k.arithmetic]
        fill = "#fff" if k.bound == "memory" else colour
        cx, cy = (box.left + box.right) / 2, (box.top + box.bottom) / 2
        if math.hypot(cx - x, cy - y) > 12:
            out.append(f'<path d="M{x:.1f} {y:.1f}L{cx:.1f} {cy:.1f}" stroke="{colour}" stroke-width="0.8"/>')
        out.append(f'<rect x="{box.left:.1f}" y="{box.top:.1f}" width="{box.right - box.left:.1f}" height="{box.bottom - box.top:.1f}" fill="#fff" fill-opacity="0.8"/>'
                   f'<text x="{cx:.1f}" y="{cy + 4:.1f}" text-anchor="middle" fill="{colour}">{number}</text>')
        row = TOP + 6 + 16 * number
        out.append(f'<text x="{head}" y="{row}" text-anchor="end" fill="{colour}">{number}</text><text x="{head + 8}" y="{row}">{escape(k.label)}</text>'
                   f'<text x="{WIDTH - 74}" y="{row}" text-anchor="end">{k.speed:.0f}</text><text x="{WIDTH - 12}" y="{row}" text-anchor="end">{share(k)}</text>')
        out.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{RADIUS}" fill="{fill}" stroke="{colour}"><title>{escape(k.label)}: {k.speed:.0f} Gop/s, '
                   f'{k.per_byte:.3g} operations per byte, {share(k)} of its roof</title></circle>')
    out.append(f'<text x="{LEFT}" y="{BOTTOM + 54}" fill="#666">hollow: memory is the roof; filled: arithmetic. '
               f'<tspan fill="{COLOURS["int8"]}">int8</tspan>, <tspan fill="{COLOURS["f32"]}">f32</tspan>, <tspan fill="{COLOURS["int8+f32"]}">both</tspan></text>')
    return "\n".join([*out, "</svg>"]) + "\n"


def tables(kernels, roofs):
    products, others = {}, []
    for k in kernels:
        parts = k.name.split("/")
        if parts[0] == "matmul" and len(parts) == 5:
            products.setdefault((f"{parts[2]} x {parts[3]}", int(parts[4])), {})[parts[1]] = k
        else:
            others.append(k)
    types = list(dict.fromkeys(name for row in products.values() for name in row))
    lines = ["Roofs: int8 " f"{roofs.integer:.0f} Gop/s, f32 {roofs.floats:.0f} Gop/s; read "
             + ", ".join(f"{CACHES.get(kib, f'{kib} KiB')} {value:.0f} GB/s" for kib, value in sorted(roofs.reading.items())), "",
             "| matrix, columns | " + " | ".join(types) + " |", "|---|" + "--:|" * len(types)]
    for (matrix, n), row in products.items():
        cells = [f"{row[t].speed:.0f}, {share(row[t])}" + (" m" if row[t].bound == "memory" else "") if t in row else "" for t in types]
        lines.append(f"| {matrix}, n = {n} | " + " | ".join(cells) + " |")
    lines += ["", "| kernel | Gop/s | GB/s | of its roof | roof |", "|---|--:|--:|--:|---|"]
    for k in others:
        lines.append(f"| {k.label} | {f'{k.speed:.1f}' if k.speed else ''} | {k.bytes:.1f} | {share(k)} | {k.bound} |")
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=pathlib.Path)
    parser.add_argument("-o", dest="output", type=pathlib.Path, required=True)
    parser.add_argument("--table", type=pathlib.Path)
    parser.add_argument("--filter", default=DRAWN)
    parser.add_argument("--processor", default="")
    arguments = parser.parse_args()
    try:
        documents = [json.loads(path.read_text(encoding="utf-8")) for path in arguments.files]
    except (OSError, json.JSONDecodeError) as error:
        raise Failure(error) from error
    kernels, roofs = kernels_and_roofs(read_lines(documents))
    shown = [k for k in kernels if re.search(arguments.filter, k.name)]
    caption = "Kernels under their roofs, one core" + (f" of {arguments.processor}" if arguments.processor else "")
    arguments.output.write_text(drawing(shown, roofs, caption), encoding="utf-8")
    if arguments.table:
        arguments.table.write_text(tables(kernels, roofs), encoding="utf-8")


if __name__ == "__main__":
    try:
        main()
    except Failure as failure:
        print(f"roofline: {failure}", file=sys.stderr)
        sys.exit(2)
