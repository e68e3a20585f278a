"""Chat templates and conversations, read by `render`. A template is a program from a model file: it may ask for anything."""
import json

import hash_collisions
import tokenizer_file
from hostile.case import Case, Lazy, Sparse

TOKENIZER = json.dumps(tokenizer_file.small_byte_level())
CHAT = json.dumps([{"role": "user", "content": "Hi <|im_end|>"}])
DEEP = "[" * 100_000


def doubled(times):
    return "{% set ns = namespace(s='x') %}{% for i in range(" + str(times) + ") %}{% set ns.s = ns.s + ns.s %}{% endfor %}{{ ns.s }}"


# Half a megabyte that repeats, in a megabyte that does. What is done without an error is followed by one.
REPEATING = "{% set s = 'a' * 1000000 %}{% set t = 'a' * 500000 + 'b' %}"
DONE = "{{ raise_exception('done') }}"


TEMPLATES = [
    ("search_of_a_repeating_text", "TPL_RAISED", REPEATING + "{{ t in s }}{{ s.find(t) }}{{ s.count(t) }}{{ s.rfind(t) }}" + DONE),
    ("cut_at_a_repeating_text", "TPL_RAISED", REPEATING + "{{ s.split(t) | length }}{{ s.rpartition(t) | length }}" + DONE),
    ("replacement_of_a_repeating_text", "TPL_RAISED", REPEATING + "{{ s.replace(t, 'x') | length }}" + DONE),
    ("strip_of_many_characters", "TPL_RAISED", "{{ ('a' * 500000).strip('b' * 500000 + 'a') }}" + DONE),
    ("lines_without_text", "TPL_LIMIT", "{{ ('\\n' * 4000000).splitlines() | length }}"),
    # budgets
    ("range_1e9", "TPL_LIMIT", "{% for i in range(1000000000) %}x{% endfor %}"),
    ("range_2_63", "TPL_LIMIT", "{{ range(9223372036854775807) | list }}"),
    ("range_from_the_least_integer", "TPL_LIMIT", "{{ range(-9223372036854775807, 9223372036854775807) | length }}"),
    ("range_in_range_in_range", "TPL_LIMIT", "{% for a in range(99999) %}{% for b in range(99999) %}{% for c in range(99999) %}{% endfor %}{% endfor %}{% endfor %}"),
    ("string_doubled_60_times", "TPL_LIMIT", doubled(60)),
    ("string_times_1e9", "TPL_LIMIT", "{{ 'x' * 1000000000 }}"),
    ("string_times_2_63", "TPL_LIMIT", "{{ 'xyz' * 9223372036854775807 }}"),
    ("list_times_1e9", "TPL_LIMIT", "{{ [1] * 1000000000 }}"),
    ("list_doubled_60_times", "TPL_LIMIT", "{% set ns = namespace(s=[1]) %}{% for i in range(60) %}{% set ns.s = ns.s + ns.s %}{% endfor %}{{ ns.s }}"),
    ("list_of_itself_60_times", "TPL_LIMIT", "{% set ns = namespace(s=[1]) %}{% for i in range(60) %}{% set ns.s = [ns.s, ns.s] %}{% endfor %}{{ ns.s }}"),
    ("dict_of_itself_60_times", "TPL_LIMIT", "{% set ns = namespace(s={}) %}{% for i in range(60) %}{% set ns.s = {'a': ns.s, 'b': ns.s} %}{% endfor %}{{ ns.s | tojson }}"),
    ("padding_1e9", "TPL_LIMIT", "{{ 'x' | center(1000000000) }}"),
    ("padding_of_a_format", "TPL_UNSUPPORTED", "{{ '%1000000000d' % 1 }}"),
    ("padding_of_braces", "TPL_UNSUPPORTED", "{{ '{:>1000000000}'.format(1) }}"),
    ("indent_1e9", "TPL_LIMIT", "{{ 'a\\nb' | indent(1000000000) }}"),
    ("json_indent_1e9", "TPL_LIMIT", "{{ [[1]] | tojson(indent=1000000000) }}"),
    ("json_separators_of_4_mb", "TPL_LIMIT", "{{ range(100000) | list | tojson(separators=['x' * 4000000, ':']) }}"),
    ("json_indent_of_4_mb", "TPL_LIMIT", "{{ range(100000) | list | tojson(indent='x' * 4000000) }}"),
    ("many_strings_of_4_mb", "TPL_LIMIT",
     "{% set ns = namespace(s=[]) %}{% for i in range(1000) %}{% set ns.s = ns.s + ['x' * 4000000] %}{% endfor %}{{ ns.s | length }}"),
    ("replace_that_grows", "TPL_LIMIT", "{% set ns = namespace(s='a') %}{% for i in range(60) %}{% set ns.s = ns.s | replace('a', 'aa') %}{% endfor %}{{ ns.s }}"),
    ("replace_of_nothing", "TPL_LIMIT", "{% set ns = namespace(s='a') %}{% for i in range(60) %}{% set ns.s = ns.s.replace('', ns.s) %}{% endfor %}{{ ns.s }}"),
    ("join_that_grows", "TPL_LIMIT", "{% set ns = namespace(s='aa') %}{% for i in range(60) %}{% set ns.s = ns.s | join(ns.s) %}{% endfor %}{{ ns.s }}"),
    ("batch_1e9", "TPL_RUNTIME", "{{ [1] | batch(1000000000, 0) | list }}"),
    ("power_tower", "TPL_LIMIT", "{{ 9 ** 9 ** 9 ** 9 }}"),
    ("integer_beyond_64_bits", "TPL_LIMIT", "{{ 9223372036854775807 + 1 }}"),
    ("integer_product_beyond_64_bits", "TPL_LIMIT", "{{ 4611686018427387904 * 2 }}"),
    ("output_over_4_mib", "TPL_LIMIT", "{% for i in range(99999) %}" + "x" * 100 + "{% endfor %}"),
    ("endless_by_macros", "TPL_LIMIT", "{% macro f(n) %}{% for i in range(99) %}{% if n %}{{ f(n - 1) }}{% endif %}{% endfor %}{% endmacro %}{{ f(20) }}"),
    # depth
    ("macro_calls_itself", "TPL_DEPTH", "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}"),
    ("two_macros_call_each_other", "TPL_DEPTH", "{% macro f() %}{{ g() }}{% endmacro %}{% macro g() %}{{ f() }}{% endmacro %}{{ f() }}"),
    ("macro_calls_itself_as_caller", "TPL_DEPTH", "{% macro f() %}{{ caller() }}{% endmacro %}{% macro g() %}{% call f() %}{{ g() }}{% endcall %}{% endmacro %}{{ g() }}"),
    ("loop_calls_itself", "TPL_DEPTH", "{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}"),
    ("parentheses_60000", "TPL_DEPTH", "{{ " + "(" * 60_000 + "1" + ")" * 60_000 + " }}"),
    ("brackets_60000", "TPL_DEPTH", "{{ " + "[" * 60_000 + "]" * 60_000 + " }}"),
    ("braces_60000", "TPL_DEPTH", "{{ " + "{1:" * 60_000 + "1" + "}" * 60_000 + " }}"),
    ("not_60000", "TPL_DEPTH", "{{ " + "not " * 60_000 + "1 }}"),
    ("minus_60000", "TPL_DEPTH", "{{ " + "-" * 60_000 + "1 }}"),
    ("powers_of_powers", "TPL_DEPTH", "{{ " + "2 ** -(" * 30_000 + "1" + ")" * 30_000 + " }}"),
    ("conditional_60000", "TPL_DEPTH", "{{ 1" + " if 1 else 1" * 60_000 + " }}"),
    ("subscripts_60000", "TPL_DEPTH", "{{ a" + "[a" * 60_000 + "]" * 60_000 + " }}"),
    ("if_in_if_30000", "TPL_DEPTH", "{% if 1 %}" * 30_000 + "{% endif %}" * 30_000),
    ("for_in_for_30000", "TPL_DEPTH", "{% for a in [] %}" * 30_000 + "{% endfor %}" * 30_000),
    ("list_nested_while_running", "TPL_DEPTH", "{% set ns = namespace(s=[]) %}{% for i in range(1000) %}{% set ns.s = [ns.s] %}{% endfor %}{{ ns.s }}"),
    # what is not offered
    ("class_attribute", "TPL_UNSUPPORTED", "{{ ''.__class__.__mro__[1].__subclasses__() }}"),
    ("class_subscript", "TPL_UNSUPPORTED", "{{ messages['__class__'] }}"),
    ("globals_of_a_function", "TPL_UNSUPPORTED", "{{ range.__globals__ }}"),
    ("init_of_a_namespace", "TPL_UNSUPPORTED", "{{ namespace.__init__ }}"),
    ("attr_filter", "TPL_UNSUPPORTED", "{{ '' | attr('__class__') }}"),
    ("map_attribute_of_class", "TPL_UNSUPPORTED", "{{ messages | map(attribute='__class__') | list }}"),
    ("format_of_class", "TPL_UNSUPPORTED", "{{ '{0.__class__}'.format(1) }}"),
    ("include", "TPL_UNSUPPORTED", "{% include '/etc/passwd' %}"),
    ("import", "TPL_UNSUPPORTED", "{% import 'os' as os %}"),
    ("from_import", "TPL_UNSUPPORTED", "{% from 'os' import system %}"),
    ("extends", "TPL_UNSUPPORTED", "{% extends 'base' %}"),
    ("block", "TPL_UNSUPPORTED", "{% block a %}{% endblock %}"),
    ("unknown_filter", "TPL_UNSUPPORTED", "{{ 1 | made_up }}"),
    ("unknown_test", "TPL_UNSUPPORTED", "{{ 1 is made_up }}"),
    # syntax
    ("tag_open", "TPL_SYNTAX", "{{ 1"),
    ("statement_open", "TPL_SYNTAX", "{% if 1"),
    ("comment_open", "TPL_SYNTAX", "{# x"),
    ("raw_open", "TPL_SYNTAX", "{% raw %} x"),
    ("string_open", "TPL_SYNTAX", "{{ 'x }}"),
    ("if_without_end", "TPL_SYNTAX", "{% if 1 %}x"),
    ("end_without_if", "TPL_SYNTAX", "x{% endif %}"),
    ("wrong_end", "TPL_SYNTAX", "{% if 1 %}{% endfor %}"),
    ("unknown_statement", "TPL_SYNTAX", "{% made_up %}"),
    ("empty_expression", "TPL_SYNTAX", "{{ }}"),
    ("operator_alone", "TPL_SYNTAX", "{{ + }}"),
    ("bracket_mismatch", "TPL_SYNTAX", "{{ (1] }}"),
    ("set_a_number", "TPL_SYNTAX", "{% set 1 = 2 %}"),
    ("not_utf8", "TPL_SYNTAX", b"{{ '\xff' }}"),
    # at run time
    ("raised", "TPL_RAISED", "{{ raise_exception('no \x1b[2J') }}"),
    ("division_by_0", "TPL_RUNTIME", "{{ 1 // 0 }}"),
    ("remainder_by_0", "TPL_RUNTIME", "{{ 1 % 0 }}"),
    ("least_integer_by_minus_1", "TPL_LIMIT", "{{ (-9223372036854775807 - 1) // -1 }}"),
    ("member_of_undefined", "TPL_RUNTIME", "{{ made_up.x }}"),
    ("call_of_undefined", "TPL_RUNTIME", "{{ made_up() }}"),
    ("call_of_a_number", "TPL_RUNTIME", "{{ (1)() }}"),
    ("loop_over_a_number", "TPL_RUNTIME", "{% for x in 5 %}{% endfor %}"),
    ("sum_of_unlike", "TPL_RUNTIME", "{{ 1 + 'a' }}"),
    ("order_of_unlike", "TPL_RUNTIME", "{{ 1 < 'a' }}"),
    ("sort_of_unlike", "TPL_RUNTIME", "{{ [1, 'a'] | sort }}"),
    ("slice_of_step_0", "TPL_RUNTIME", "{{ [1, 2][::0] }}"),
    ("range_of_step_0", "TPL_RUNTIME", "{{ range(1, 2, 0) | list }}"),
    ("batch_of_0", "TPL_RUNTIME", "{{ [1] | batch(0) | list }}"),
    ("list_as_key", "TPL_RUNTIME", "{{ {[1]: 2} }}"),
    ("unpack_too_many", "TPL_RUNTIME", "{% for a, b in [[1, 2, 3]] %}{% endfor %}"),
    ("chain_into_undefined", "TPL_RUNTIME", "{{ messages[0].made_up.x.y.z }}"),
    ("over_1_mib", "TPL_LIMIT", "x" * ((1 << 20) + 1)),
]

CHATS = [
    ("empty_file", "JSON_SYNTAX", ""),
    ("not_json", "JSON_SYNTAX", "role: user"),
    ("cut", "JSON_SYNTAX", CHAT[:-2]),
    ("depth_100000", "JSON_DEPTH", DEEP),
    ("key_twice", "JSON_DUPLICATE_KEY", '[{"role": "user", "role": "system", "content": ""}]'),
    ("number", "RENDER_MESSAGES", "7"),
    ("keys_of_one_hash", "RENDER_MESSAGES", Lazy(lambda: json.dumps(dict.fromkeys(hash_collisions.colliding(5), 1)))),
    ("object_without_messages", "RENDER_MESSAGES", '{"tools": []}'),
    ("message_is_text", "TPL_ARGUMENT", '["Hi"]'),
    ("message_is_null", "TPL_ARGUMENT", "[null]"),
    ("integer_of_64_bits", "TPL_ARGUMENT", '[{"role": "user", "content": 18446744073709551615}]'),
    ("tools_are_text", "TPL_ARGUMENT", '{"messages": [], "tools": "all"}'),
    ("mark_in_front", "JSON_SYNTAX", "\ufeff" + CHAT),
    ("nul_inside", "JSON_SYNTAX", CHAT.replace("Hi", "H\0i")),
]

PLAIN = "{% for m in messages %}{{ m.role }}: {{ m.content }}{% endfor %}{{ tools }}"


def case(name, code, template, chat):
    return Case("template." + name, code, {"t.jinja": template, "chat.json": chat, "tokenizer.json": TOKENIZER},
                [["render", "@tokenizer.json", "--messages", "@chat.json", "--template", "@t.jinja"]])


CASES = [case(name, code, template, CHAT) for name, code, template in TEMPLATES]
CASES += [case("chat_" + name, code, PLAIN, chat) for name, code, chat in CHATS]
CASES += [case("empty", "TEMPLATE_ABSENT", "", CHAT),
          case("file_over_1_gib", "IO_TOO_LARGE", Sparse(b"x", (1 << 30) + 1), CHAT)]
