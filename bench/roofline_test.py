"""roofline.py with measurements whose figures are known."""
import itertools
import json
import math
import pathlib
import random
import re
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree as ElementTree

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import roofline  # noqa: E402

SVG = "{http://www.w3.org/2000/svg}"


def run(name, label="", **counters):
    return {"name": name, "run_name": name, "run_type": "iteration", "label": label, **counters}


def kernel(name, speed, per_byte, share=0.5, label="int8"):
    return run(name, label, **{"Gop/s": speed, "GB/s": speed / per_byte, "op/B": per_byte, "roof": speed / share, "of_roof": share})


ROOFS = [run("peak_integer/iterations:3", **{"Gop/s": 1000.0}), run("peak_float/iterations:3", **{"Gop/s": 250.0}),
         run("read_memory/16/iterations:3", **{"GB/s": 500.0}), run("read_memory/524288/iterations:3", **{"GB/s": 40.0})]
PRODUCTS = [kernel("matmul/q4_0/65536/2048/1", 120.0, 3.5, 0.86, "memory"), kernel("matmul/q4_0/2048/2048/512", 750.0, 400.0, 0.75),
            kernel("matmul/f32/2048/2048/512", 200.0, 200.0, 0.8, "f32")]


class Roofline(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def draw(self, benchmarks, *arguments):
        file = self.folder / "m.json"
        file.write_text(json.dumps({"benchmarks": benchmarks}))
        done = subprocess.run([sys.executable, "-B", HERE / "roofline.py", file, "-o", self.folder / "r.svg", "--table", self.folder / "t.md", *arguments],
                              capture_output=True, text=True)
        return done.returncode, done.stderr

    def test_repetitions_count_by_their_median(self):
        entries = [kernel("matmul/q4_0/1/2/1", speed, 4.0) for speed in (10.0, 30.0, 11.0)]
        [(name, line)] = roofline.read_lines([{"benchmarks": entries}]).items()
        self.assertEqual((name, line["Gop/s"], line["op/B"]), ("matmul/q4_0/1/2/1", 11.0, 4.0))
        aggregates = [{**kernel("matmul/q4_0/1/2/1", 12.0, 4.0), "run_type": "aggregate", "aggregate_name": name, "Gop/s": speed}
                      for name, speed in (("mean", 17.0), ("median", 12.0), ("stddev", 9.0))]
        self.assertEqual(roofline.read_lines([{"benchmarks": aggregates}])["matmul/q4_0/1/2/1"]["Gop/s"], 12.0)

    def test_later_files_replace_lines_of_earlier_ones(self):
        lines = roofline.read_lines([{"benchmarks": [kernel("a", 1.0, 1.0), kernel("b", 2.0, 1.0)]}, {"benchmarks": [kernel("a", 3.0, 1.0)]}])
        self.assertEqual({name: line["Gop/s"] for name, line in lines.items()}, {"a": 3.0, "b": 2.0})

    def test_a_point_lies_where_its_figures_say(self):
        status, error = self.draw([*ROOFS, *PRODUCTS])
        self.assertEqual(status, 0, error)
        root = ElementTree.parse(self.folder / "r.svg").getroot()
        circles = {c.find(f"{SVG}title").text.split(":")[0]: c for c in root.iter(f"{SVG}circle")}
        self.assertEqual(len(circles), 3)
        kernels, roofs = roofline.kernels_and_roofs(roofline.read_lines([{"benchmarks": [*ROOFS, *PRODUCTS]}]))
        plane = roofline.plane_of(kernels, roofs)
        a, b = circles["q4_0 65536x2048 n=1"], circles["q4_0 2048x2048 n=512"]
        # 3.5 to 400 and 120 to 750, as shares of the decades drawn.
        decades = math.log10(plane.x_range[1] / plane.x_range[0])
        self.assertAlmostEqual(float(b.get("cx")) - float(a.get("cx")), math.log10(400 / 3.5) / decades * (roofline.RIGHT - roofline.LEFT), delta=0.2)
        decades = math.log10(plane.y_range[1] / plane.y_range[0])
        self.assertAlmostEqual(float(a.get("cy")) - float(b.get("cy")), math.log10(750 / 120) / decades * (roofline.BOTTOM - roofline.TOP), delta=0.2)
        self.assertEqual(a.get("fill"), "#fff")
        self.assertEqual(b.get("fill"), roofline.COLOURS["int8"])

    def test_roofs_meet_where_bandwidth_reaches_the_peak(self):
        kernels, roofs = roofline.kernels_and_roofs(roofline.read_lines([{"benchmarks": [*ROOFS, *PRODUCTS]}]))
        plane = roofline.plane_of(kernels, roofs)
        lines, _ = roofline.roof_lines(plane, roofs)
        ends = [tuple(map(float, re.search(r"L([\d.]+) ([\d.]+)\"", line).groups())) for line in lines if "dasharray" in line]
        # Memory: 1000 Gop/s at 25 operations per byte.
        self.assertIn((round(plane.x(25.0), 1), round(plane.y(1000.0), 1)), ends)

    def test_numbers_overlap_neither_each_other_nor_points(self):
        rng = random.Random(1)
        # Crowds: three clouds of 20 points within a few pixels.
        points = [(x + rng.random() * 12, y + rng.random() * 12) for x, y in ((200, 300), (500, 200), (760, 90)) for _ in range(20)]
        obstacle = roofline.Box(205, 280, 320, 300)
        boxes = roofline.place_labels(points, [obstacle])
        self.assertEqual(len(boxes), 60)
        for a, b in itertools.combinations(boxes, 2):
            self.assertFalse(a.meets(b))
        for box in boxes:
            self.assertFalse(box.meets(obstacle))
            self.assertTrue(roofline.LEFT <= box.left and box.right <= roofline.RIGHT and roofline.TOP <= box.top and box.bottom <= roofline.BOTTOM)
            for x, y in points:
                self.assertFalse(box.meets(roofline.Box(x - roofline.RADIUS, y - roofline.RADIUS, x + roofline.RADIUS, y + roofline.RADIUS)))

    def test_roofs_and_their_texts_are_no_place_for_numbers(self):
        kernels, roofs = roofline.kernels_and_roofs(roofline.read_lines([{"benchmarks": [*ROOFS, *PRODUCTS]}]))
        _, boxes = roofline.roof_lines(roofline.plane_of(kernels, roofs), roofs)
        plane = roofline.plane_of(kernels, roofs)
        above_the_peak = plane.y(1000.0) - 8
        self.assertTrue(any(box.meets(roofline.Box(roofline.RIGHT - 80, above_the_peak, roofline.RIGHT - 60, above_the_peak + 4)) for box in boxes))
        on_the_slope = plane.x(10.0), plane.y(400.0)  # memory, 40 GB/s
        self.assertTrue(any(box.meets(roofline.Box(*(v - 2 for v in on_the_slope), *(v + 2 for v in on_the_slope))) for box in boxes))

    def test_the_table_has_types_side_by_side_and_what_is_left_out_of_the_drawing(self):
        others = [kernel("silu_mul/1536", 90.0, 2.0, 0.4, "f32"), run("pack/q4_0/2048/2048", "memory", **{"GB/s": 3.0, "roof": 60.0, "of_roof": 0.05})]
        status, error = self.draw([*ROOFS, *PRODUCTS, *others], "--filter", "^matmul/q4_0")
        self.assertEqual(status, 0, error)
        table = (self.folder / "t.md").read_text()
        self.assertIn("| matrix, columns | q4_0 | f32 |", table)
        self.assertIn("| 65536 x 2048, n = 1 | 120, 86% m |  |", table)
        self.assertIn("| 2048 x 2048, n = 512 | 750, 75% | 200, 80% |", table)
        self.assertIn("| silu_mul 1536 | 90.0 | 45.0 | 40% | f32 |", table)
        self.assertIn("| pack q4_0 2048 2048 |  | 3.0 | 5% | memory |", table)
        self.assertEqual((self.folder / "r.svg").read_text().count("<circle"), 2)

    def test_what_is_no_measurement_is_refused(self):
        for benchmarks in ([], PRODUCTS, [*ROOFS[:2], *PRODUCTS]):
            status, error = self.draw(benchmarks)
            self.assertEqual(status, 2)
            self.assertIn("read_memory", error)
        status, error = self.draw([run("peak_integer", **{"Gop/s": 0.0}), *ROOFS[1:], *PRODUCTS])
        self.assertEqual(status, 2)
        self.assertIn("no lines peak_integer", error)
        status, error = self.draw([*ROOFS, *PRODUCTS], "--filter", "nothing")
        self.assertEqual(status, 2)
        self.assertIn("no line to draw", error)

    def test_names_are_escaped(self):
        status, error = self.draw([*ROOFS, *PRODUCTS], "--processor", "A & B <1>")
        self.assertEqual(status, 0, error)
        self.assertIn("A & B <1>", [t.text for t in ElementTree.parse(self.folder / "r.svg").getroot().iter(f"{SVG}text")][0])


if __name__ == "__main__":
    unittest.main()
