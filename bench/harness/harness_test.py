"""The pure parts of the harness: arithmetic, parsing, rows, table."""
import json
import math
import os
import tempfile
import unittest

from harness import figures, kernel, loads, measures, report, rows


class Figures(unittest.TestCase):
    def test_median(self):
        self.assertEqual(figures.median([3, 1, 2]), 2)
        self.assertEqual(figures.median([4, 1, 2, 3]), 2.5)
        self.assertTrue(math.isnan(figures.median([])))

    def test_every_proxy_has_every_place_in_the_rounds(self):
        names = ["a", "b", "c", "d"]
        firsts = {figures.rotated(names, turn)[0] for turn in range(8)}
        self.assertEqual(firsts, set(names))
        for turn in range(8):
            self.assertEqual(sorted(figures.rotated(names, turn)), names)
        self.assertEqual(figures.rotated([], 3), [])

    def test_better_peer(self):
        by_proxy = {"nginx": [10, 11, 50], "haproxy": [12, 12, 12], "floor": [1, 1, 1], "h2o": []}
        self.assertEqual(figures.better_peer(by_proxy, ["nginx", "haproxy"]), "nginx")
        self.assertEqual(figures.better_peer(by_proxy, ["nginx", "haproxy"], True), "haproxy")
        self.assertIsNone(figures.better_peer(by_proxy, ["h2o", "gone"]))

    def test_ratios_are_paired_and_skip_what_is_missing(self):
        self.assertEqual(figures.paired_ratios([1, 2, 3], [2, 2, 2]), [0.5, 1, 1.5])
        self.assertEqual(figures.paired_ratios([1, None, 3, 4], [2, 2, None, 0]), [0.5])
        self.assertEqual(figures.paired_ratios([math.nan, 1], [1, 4]), [0.25])

    def test_verdict(self):
        self.assertEqual(figures.verdict(0.70, 0.9, 0.7), "goal")
        self.assertEqual(figures.verdict(0.90, 0.9, 0.7), "bar")
        self.assertEqual(figures.verdict(0.91, 0.9, 0.7), "MISSED")
        self.assertEqual(figures.verdict(math.nan, 0.9, 0.7), "")
        self.assertEqual(figures.verdict(2, None, None), "")
        self.assertEqual(figures.verdict(0, 0, 0), "goal")
        self.assertEqual(figures.verdict(0.02, 0, 0), "MISSED")
        self.assertEqual(figures.verdict(1.9, 1.8, 2, more_is_better=True), "bar")

    def test_added_latency(self):
        self.assertEqual(figures.added([120, None, 90], [20, 20, 100]), [100, None, -10])

    def test_numbers_as_people_read_them(self):
        values = (1234.5, 123.4, 12.34, 1.234, 0, None, math.nan)
        self.assertEqual([figures.number(v) for v in values],
                         ["1,234", "123", "12.3", "1.23", "0.00", "-", "-"])
        self.assertEqual([figures.short(v) for v in (12.6, 1.26, None)], ["13", "1.3", "-"])


class Parsing(unittest.TestCase):
    def test_wrk(self):
        seen = loads.parse_wrk("noise\nRESULT 1000 2000000 1 2 3 4 5 150 900\n")
        self.assertEqual(seen["good"], 995)
        self.assertEqual(seen["seconds"], 2.0)
        self.assertEqual(seen["failures"], 15)
        self.assertEqual((seen["p50_us"], seen["p99_us"]), (150, 900))
        self.assertIsNone(loads.parse_wrk("unable to connect to 127.0.0.1"))

    def test_own_generator(self):
        line = json.dumps({"good": 90, "bad_status": 1, "failed": 2, "unanswered": 3, "unsent": 4,
                           "resumed": 60, "seconds": 1.0})
        self.assertEqual(loads.parse_own(line)["failures"], 10)
        resumed = loads.parse_own(line, resume=True)
        self.assertEqual(resumed["not_resumed"], 30)
        self.assertEqual(resumed["failures"], 40)

    def test_strace(self):
        text = """% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
 50.00    0.020000           2     10000           sendmsg
 49.00    0.019000           1     10002         2 recvfrom
------ ----------- ----------- --------- --------- ----------------
100.00    0.039000           1     20002         2 total
"""
        self.assertEqual(measures.parse_strace(text),
                         {"sendmsg": (10000, 0), "recvfrom": (10002, 2)})

    def test_a_process_name_may_hold_anything(self):
        fields = kernel.stat_fields("17 (a) b (c) S 4 17 17 0 -1 0 0 0 0 0 25 75 0 0")
        self.assertEqual((fields[0], fields[1], fields[11], fields[12]), ("S", "4", "25", "75"))

    def test_cpu_is_split_by_ticks(self):
        def at(run_ns, user, system):
            time = kernel.CpuTime([])
            time.run_ns, time.user_ticks, time.system_ticks = run_ns, user, system
            return time
        self.assertEqual(kernel.split_cpu(at(0, 0, 0), at(10**9, 25, 75)), (10**9, 0.25))
        self.assertEqual(kernel.split_cpu(at(5, 1, 1), at(9, 1, 1)), (4, None))


def samples(*cpu, failures=0):
    return [{"cpu_us": c, "user_us": c / 4, "system_us": c * 3 / 4, "rps": 1000 * c, "busy": 0.99,
             "p50_us": 10 * c, "p99_us": 90 * c, "good": 100, "failures": failures} for c in cpu]


class Rows(unittest.TestCase):
    def test_names_are_unique_and_measures_exist(self):
        self.assertEqual(len(rows.BY_NAME), len(rows.ROWS))
        for row in rows.ROWS:
            self.assertIn(row.kind, measures.BY_KIND)
            self.assertTrue(set(row.proxies) <= set(report.COLUMNS), row.name)
            if row.kind == "load":
                self.assertIn(row.load["path"], measures.BODY_BYTES)
            for line in row.lines:
                self.assertLessEqual(line.goal or 0, line.bar or math.inf)

    def test_chosen(self):
        self.assertEqual([r.name for r in rows.chosen(["1m", "1k"], False)], ["1k", "1m"])
        self.assertEqual(len(rows.chosen(None, False)), len(rows.ROWS))
        self.assertTrue(0 < len(rows.chosen(None, True)) < len(rows.ROWS))
        with self.assertRaises(KeyError):
            rows.chosen(["1k", "1q"], False)


class Table(unittest.TestCase):
    results = {"1k": {"switchback": samples(8, 9, 16), "nginx": samples(10, 10, 20),
                      "haproxy": samples(15, 15, 15, failures=2), "floor": samples(6, 6, 6)},
               "idle": {"switchback": [{"bytes_per_connection": 5000, "good": 9,
                                        "connections": 9}]}}

    def line_of(self, text, start):
        return next(line for line in text.splitlines() if line.startswith(start))

    def test_a_line_has_the_paired_ratio_its_spread_and_the_verdict(self):
        line = self.line_of(report.table(self.results), "  1 KiB ")
        self.assertIn("9.00 (2.2+6.8)", line)
        self.assertIn("0.80 (0.80..0.90) nginx", line)
        self.assertIn("0.9 / 0.7", line)
        self.assertTrue(line.endswith("bar"))

    def test_an_absolute_bar_is_for_our_value(self):
        self.assertTrue(self.line_of(report.table(self.results), "  idle").endswith("MISSED"))
        self.assertIn("missed: idle B/conn", report.table(self.results))

    def test_failures_are_shown(self):
        self.assertIn("! HAProxy: 6 of 306 failed", report.table(self.results))

    def test_latency_is_added_to_direct_round_by_round(self):
        row = rows.BY_NAME["low-1k"]
        of_row = {"switchback": samples(8, 9, 10), "nginx": samples(12, 12, 12),
                  "direct": samples(4, 4, 4)}
        seen = report.evaluate(row, row.lines[1], of_row)
        self.assertEqual(seen["values"]["switchback"], [40, 50, 60])
        self.assertEqual((seen["ratio"], seen["ratio_min"], seen["ratio_max"]), (0.625, 0.5, 0.75))
        self.assertEqual(seen["verdict"], "goal")

    def test_saved_runs_make_one_table(self):
        with tempfile.TemporaryDirectory() as folder:
            facts = {"cores": 2}
            paths = [os.path.join(folder, name) for name in ("a.json", "b.json")]
            for path, name in zip(paths, self.results):
                report.save(path, report.as_data({name: self.results[name]}, facts, {"rounds": 3}))
            merged, host, _ = report.merged(paths)
            self.assertEqual(report.table(merged), report.table(self.results))
            self.assertEqual(host, facts)

    def test_json_has_no_nan(self):
        data = report.as_data({"idle": self.results["idle"]}, {"cores": 2}, {})
        self.assertIsNone(data["lines"][0]["ratio"])
        json.dumps(data, allow_nan=False)


if __name__ == "__main__":
    unittest.main()
