#!/usr/bin/env python3
"""scripts/check_layers.py must find planted breaches and name the offending line in one sentence."""
import pathlib
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "scripts"))
import check_layers  # noqa: E402


class CheckLayers(unittest.TestCase):
    def breaches(self, files):
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            tree = {"src/base/b.h": "", "docs/layers.txt": "base\ncodec recipe\nengine\napps\n", "apps/main.cc": "", "include/mote/a.h": ""}
            for name, text in {**tree, **files}.items():
                path = root / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
            return check_layers.check(root)

    def test_lower_layers_and_own_headers_pass(self):
        self.assertEqual(self.breaches({"src/codec/a.cc": '#include "codec/a.h"\n#include "base/b.h"\n#include "mote/a.h"\n'}), [])

    def test_a_public_header_has_the_place_of_its_module(self):
        layers = "base\ncodec recipe\nengine\napps\n\nengine: mote/session.h\n"
        found = self.breaches({"docs/layers.txt": layers, "src/codec/a.cc": '#include "mote/a.h"\n#include "mote/session.h"\n',
                               "src/engine/a.cc": '#include "mote/session.h"\n', "apps/a.cc": '#include "mote/session.h"\n'})
        self.assertEqual(found, ["src/codec/a.cc:2 includes mote/session.h; codec may use base"])

    def test_higher_layer_is_named_with_line_and_allowed_modules(self):
        found = self.breaches({"src/codec/a.cc": '#include "base/b.h"\n\n#include "engine/session.h"\n'})
        self.assertEqual(found, ["src/codec/a.cc:3 includes engine/session.h; codec may use base"])

    def test_sibling_is_a_breach(self):
        found = self.breaches({"src/codec/a.h": '#include "recipe/r.h"\n'})
        self.assertEqual(len(found), 1)

    def test_public_header_may_not_show_sources(self):
        found = self.breaches({"include/mote/a.h": '#include "base/b.h"\n'})
        self.assertEqual(found, ["include/mote/a.h:1 includes base/b.h; a public header may include public headers only"])

    def test_unknown_module_and_relative_include_are_found(self):
        found = self.breaches({"src/stray/a.cc": "", "src/codec/a.cc": '#include "a.h"\n'})
        self.assertEqual(len(found), 2)


if __name__ == "__main__":
    unittest.main()
