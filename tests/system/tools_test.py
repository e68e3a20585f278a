"""mote run with tools, on a model that says what the test wants: calls are printed, carried out, shown to the model."""
import json
import pathlib
import signal
import subprocess
import time
import unittest

import scripted_model
import tiny_folder
from cli import BUNDLED, MOTE, ROOT, CliTest, run
from scripted_model import ASSISTANT, TOLD

BODY = '\n{"name": "set_light", "arguments": {"room": "kitchen", "brightness": 40}}\n'
CALL = ["<tool_call>", BODY, "</tool_call>"]
LIGHT = {"name": "set_light", "arguments": {"room": "kitchen", "brightness": 40}}
SECOND = '\n<tool_call>\n{"name": "get_temperature", "arguments": {"room": "hall"}}\n</tool_call>'
HOME = ROOT / "examples/tools/home.json"


def tool(name, command=None, **more):
    function = {"name": name, "description": "d", "parameters": {
        "type": "object", "properties": {"room": {"type": "string"}, "brightness": {"type": "integer"}}, "required": ["room"]}}
    return {"type": "function", "function": function, **({"execute": {"command": command, **more}} if command else {})}


class Tools(CliTest):
    def model(self, script, **options):
        return scripted_model.write(self.folder / "model", script, **options)

    def tools(self, *tools):
        return self.write("tools.json", json.dumps(tools))

    def ask(self, model, tools, *arguments):
        return self.json("run", model, "--tools", tools, "-p", "Light, please", "--temp", "0", "-t", "1", *arguments)

    def test_calls_are_listed_and_not_part_of_the_text(self):
        model = self.model({ASSISTANT: ["Let me see.\n", *CALL, SECOND]})
        result = self.ask(model, HOME)
        self.assertEqual(result["text"], "Let me see.")
        self.assertEqual(result["tool_calls"], [{"id": "call_0", **LIGHT}, {
            "id": "call_1", "name": "get_temperature", "arguments": {"room": "hall"}}])
        self.assertEqual(result["finish_reason"], "tool_calls")
        self.assertNotIn("steps", result)
        out = self.good("run", model, "--tools", HOME, "-p", "x", "--temp", "0")
        self.assertEqual(out, 'Let me see.\nset_light {"room":"kitchen","brightness":40}\nget_temperature {"room":"hall"}\n')

    def test_an_answer_without_a_call_is_as_ever(self):
        model = self.model({ASSISTANT: ["Hello <tool", " person"]})
        result = self.ask(model, HOME)
        self.assertEqual((result["text"], result["tool_calls"], result["finish_reason"]), ("Hello <tool person", [], "stop"))
        self.assertEqual(self.good("run", model, "--tools", HOME, "-p", "x", "--temp", "0"), "Hello <tool person\n")

    def test_markers_may_be_plain_tokens(self):
        result = self.ask(self.model({ASSISTANT: CALL}, markers_are_control=False), HOME)
        self.assertEqual(result["tool_calls"], [{"id": "call_0", **LIGHT}])

    def test_without_tools_control_tokens_leave_no_text(self):
        result = self.json("run", self.model({ASSISTANT: CALL}), "-p", "x", "--temp", "0")
        self.assertEqual(result["text"], BODY)

    def test_execute_shows_the_result_to_the_model(self):
        model = self.model({ASSISTANT: CALL, TOLD: ["It is 40 % now."]})
        result = self.ask(model, HOME, "--execute")
        self.assertEqual(result["text"], "It is 40 % now.")
        self.assertEqual(result["finish_reason"], "stop")
        self.assertEqual(result["tool_calls"], [])
        self.assertEqual(result["steps"], [{"id": "call_0", **LIGHT, "result": '{"ok": true, "room": "kitchen", "brightness": 40}'}])
        status, out, err = run("run", model, "--tools", HOME, "-p", "x", "--temp", "0", "--execute")
        self.assertEqual((status, out), (0, 'set_light {"room":"kitchen","brightness":40}\nIt is 40 % now.\n'))
        self.assertEqual(err.count("warning:"), 1, err)
        self.assertIn("runs programs with arguments that the model chooses: echo", err)

    def test_nothing_runs_without_execute(self):
        mark = self.folder / "ran"
        self.ask(self.model({ASSISTANT: CALL}), self.tools(tool("set_light", ["touch", str(mark)])))
        self.assertFalse(mark.exists())

    def test_the_program_gets_arguments_input_and_environment(self):
        tools = self.tools(tool("set_light", ["/bin/sh", "-c", 'echo "$1|$2|$A_NAME|$(cat)"', "sh", "--room={room}", "{brightness}"]))
        model = self.model({ASSISTANT: CALL, TOLD: ["Done."]})
        result = self.json("run", model, "--tools", tools, "--execute", "-p", "x", "--temp", "0", environment={"A_NAME": "a value"})
        self.assertEqual(result["steps"][0]["result"], '--room=kitchen|40|a value|{"room":"kitchen","brightness":40}')

    def test_what_does_not_work_is_a_result(self):
        model = self.model({ASSISTANT: CALL, TOLD: ["I could not."]})
        for tools, said in ((tool("set_light", ["false"]), "status 1"), (tool("set_light"), "cannot be executed"),
                            (tool("other", ["true"]), "no tool named"), (tool("set_light", ["no-such-program-of-mote"]), "cannot run"),
                            (tool("set_light", ["sleep", "60"], timeout_seconds=0.2), "within 0.2 seconds")):
            result = self.ask(model, self.tools(tools), "--execute")
            self.assertIn(said, json.loads(result["steps"][0]["result"])["error"])
            self.assertEqual(result["text"], "I could not.")

    def test_the_rounds_have_an_end(self):
        model = self.model({ASSISTANT: CALL, TOLD: ["And again: " + "<tool_call>" + BODY + "</tool_call>"]})
        status, out, err = run("run", model, "--json", "--tools", HOME, "-p", "x", "--temp", "0", "--execute")
        self.assertEqual(status, 0, err)
        result = json.loads(out)
        self.assertEqual([s["id"] for s in result["steps"]], [f"call_{i}" for i in range(8)])
        self.assertEqual(result["tool_calls"], [{"id": "call_8", **LIGHT}])
        self.assertEqual((result["finish_reason"], result["text"]), ("tool_calls", "And again:"))
        self.assertIn("8 rounds", err)

    def test_a_chat_calls_in_every_turn(self):
        model = self.model({ASSISTANT: CALL, TOLD: ["Done."]})
        out = self.good("run", model, "--tools", HOME, "--execute", "--temp", "0", stdin=b"Light\nMore light\n")
        self.assertEqual(out, 'set_light {"room":"kitchen","brightness":40}\nDone.\n' * 2)

    def test_a_signal_stops_the_program_too(self):
        mark = self.folder / "started"
        tools = self.tools(tool("set_light", ["/bin/sh", "-c", 'trap "" TERM; echo $$ > "$0.part"; mv "$0.part" "$0"; sleep 60', str(mark)],
                                timeout_seconds=60))
        model = self.model({ASSISTANT: CALL, TOLD: ["Never."]})
        job = subprocess.Popen([MOTE, "run", model, "--tools", tools, "--execute", "-p", "x", "--temp", "0"],
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(job.kill)
        for _ in range(600):
            if mark.exists():
                break
            time.sleep(0.05)
        child = int(mark.read_text())
        job.send_signal(signal.SIGTERM)
        out, err = job.communicate(timeout=30)
        self.assertEqual(job.returncode, 143, err)
        self.assertNotIn(b"Never", out)
        self.assertIn(b"error[CANCELLED]", err)
        self.assertFalse(pathlib.Path(f"/proc/{child}").exists())

    def test_an_unreadable_call_is_an_error(self):
        status, out, err = run("run", self.model({ASSISTANT: ["Yes. ", "<tool_call>", "light(40)"]}), "--tools", HOME, "-p", "x",
                               "--temp", "0")
        self.assertEqual((status, out), (1, "Yes.\n"))
        self.assertIn("error[TOOL_CALL_SYNTAX]", err)
        self.assertIn("<tool_call>light(40)", err)

    def test_a_call_that_is_cut_is_an_error(self):
        self.assertIn("-n", self.fails(1, "TOOL_CALL_END", "run", self.model({ASSISTANT: CALL}), "--tools", HOME, "-p", "x",
                                       "--temp", "0", "-n", "2"))

    def test_a_template_that_does_not_read_calls_gets_them_as_text(self):
        template = ("{% if xml_tools %}tools{% endif %}{% for m in messages %}{{ m.role }}:{{ m.content }}\n{% endfor %}"
                    f"{{{{ '{TOLD}' if 'tool_call>' in messages[1].content | default('') else '{ASSISTANT}' }}}}")
        template = template.replace("messages[1].content", "(messages[1] | default({})).content")
        result = self.ask(self.model({ASSISTANT: CALL, TOLD: ["Done."]}, template=template), HOME, "--execute")
        self.assertEqual((result["text"], len(result["steps"])), ("Done.", 1))

    def test_models_and_options_that_do_not_fit(self):
        self.fails(1, "TEMPLATE_ABSENT", "run", BUNDLED, "--tools", HOME, "-p", "x")
        plain = tiny_folder.write(self.folder / "plain", config={"chat_template": "{{ messages[0].content }}"})
        self.assertIn("does not mention tools", self.fails(1, "TOOLS_TEMPLATE", "run", plain, "--tools", HOME, "-p", "x"))
        self.fails(2, "USAGE_VALUE", "run", "--raw", "--tools", HOME, "-p", "x")
        self.fails(2, "USAGE_MISSING", "run", "--execute", "-p", "x")
        self.fails(1, "INPUT_MISSING", "run", "--tools", self.folder / "none.json", "-p", "x")
        broken = self.write("broken.json", '[{"name": "a"}, {"name": "a"}]')
        self.assertIn(str(broken), self.fails(2, "TOOLS_FILE", "run", "--tools", broken, "-p", "x"))

    def test_commands_are_not_rendered(self):
        messages = self.write("m.json", '[{"role": "user", "content": "x"}]')
        text = self.json("render", self.model({ASSISTANT: ["yes"]}), "--messages", messages, "--tools", HOME)["text"]
        self.assertIn("set_light", text)
        self.assertNotIn("execute", text)
        self.assertNotIn("echo", text)


if __name__ == "__main__":
    unittest.main()
