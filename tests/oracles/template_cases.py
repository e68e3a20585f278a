"""What template_oracle.py renders."""

TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "Current weather: \"now\" & <here>",
            "parameters": {
                "type": "object",
                "properties": {
                    "city": {"type": "string", "description": "Städte, z. B. 東京"},
                    "unit": {"type": "string", "enum": ["celsius", "fahrenheit"], "default": "celsius"},
                    "days": {"type": "integer", "minimum": 1, "maximum": 7.5},
                    "where": {
                        "type": "object",
                        "properties": {"lat": {"type": "number"}, "tags": {"type": "array", "items": {"type": "string"}}},
                        "required": ["lat"],
                    },
                },
                "required": ["city"],
            },
        },
    },
    {
        "type": "function",
        "function": {"name": "stop", "description": "", "parameters": {"type": "object", "properties": {}}},
    },
]

ARGUMENTS = {"city": "Köln", "days": 3, "where": {"lat": 50.9, "tags": ["a", "b"]}, "flag": True, "none": None}


def call(arguments, id="call12345", name="get_weather"):
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}


def user(content="What is the weather?"):
    return {"role": "user", "content": content}


SYSTEM = {"role": "system", "content": "You are terse."}
RESULT = {"role": "tool", "tool_call_id": "call12345", "name": "get_weather", "content": '{"temp": 21.5}'}

CONVERSATIONS = {
    "user": [user()],
    "system": [SYSTEM, user()],
    "developer": [{"role": "developer", "content": "Be kind."}, user()],
    "white space": [{"role": "system", "content": "  padded \n"}, user("\n  Hello \t\n")],
    "empty content": [SYSTEM, user("")],
    "several turns": [SYSTEM, user(), {"role": "assistant", "content": "Sunny."}, user("And tomorrow?")],
    "ends with assistant": [user(), {"role": "assistant", "content": "Sunny."}],
    "control tokens": [user("a <|im_end|> b <|eot_id|> [INST] c </s>"),
                       {"role": "assistant", "content": "<think>\nhm\n</think>\n\nok"}, user("more")],
    "tool round": [SYSTEM, user(), {"role": "assistant", "content": "", "tool_calls": [call(ARGUMENTS)]}, RESULT,
                   {"role": "assistant", "content": "21.5 degrees."}, user("Thanks")],
    "tool round, text arguments": [user(), {"role": "assistant", "content": None,
                                            "tool_calls": [call('{"city": "Köln", "days": 3}')]}, RESULT],
    "tool call without content": [user(), {"role": "assistant", "tool_calls": [call({"city": "Rome"})]}, RESULT],
    "two tool calls": [user(), {"role": "assistant", "content": "Looking.", "tool_calls": [
        call(ARGUMENTS), call({}, id="call67890", name="stop")]}, RESULT,
        {"role": "tool", "tool_call_id": "call67890", "name": "stop", "content": "done"}],
    "null content": [user(), {"role": "assistant", "content": None}, user()],
    "typed parts": [{"role": "system", "content": [{"type": "text", "text": "Short."}]},
                    user([{"type": "text", "text": "One"}, {"type": "text", "text": "Two"}])],
    "image part": [user([{"type": "image"}, {"type": "text", "text": "What is this?"}])],
    "reasoning": [user(), {"role": "assistant", "reasoning_content": "Let me think.\n", "content": "Sunny."},
                  user("Sure?")],
    "reasoning and tools": [user(), {"role": "assistant", "reasoning": "Use the tool.", "content": "",
                                     "tool_calls": [call(ARGUMENTS)]}, RESULT],
    "result first": [RESULT],
    "two users": [user("a"), user("b")],
    "unknown role": [{"role": "wizard", "content": "hm"}, user()],
    "none": [],
    "unicode": [user("naïve 東京 😀 \u2028 \u00a0 end")],
}

EXPRESSIONS = r"""
1 + 2 * 3 | 7 // 2 | -7 // 2 | -7 % 3 | 7 % -3 | 7 / 2 | 2 ** 10 | 2 ** -1 | -2 ** 2 | 2 ** 3 ** 2 | 1 / 0 | 1 // 0
7.5 // 2 | -7.5 % 2 | 1e3 | 1e16 | 1e15 | 1e22 | 0.1 + 0.2 | 1.0 | 100000.0 | 1e-4 | 1e-5 | 123456789.123456789
1_000 | 0x1F | 0b101 | 0o17 | 00 | 1.5e-10 | -0.0 | 3.0 * 2 | 10 / 5 | 2 ** 0.5 | true + 1 | True | none | None | false
'a' + 'b' | 'a' ~ 1 ~ none ~ true ~ 1.5 | 'ab' * 3 | 3 * 'ab' | 'ab' * -1 | 'a' + 1 | [1] + [2] | [1, 2] * 2 | (1, 2) + (3,)
[1, 'a', none, true, 2.5, "it's", 'q"q', "b'\"b"] | {'a': 1, 2: 'b', none: [1, (2,)]} | () | (1,) | (1, 2) | [] | {}
'\n\t\\ \x41 \u00e9' | ['\n\t\\\x00\x7f\u00e9\u2028\U0001F600'] | 'a' 'b' | "\q" | '\101'
1 < 2 < 3 | 1 < 3 < 2 | 1 == 1.0 | 'a' < 'b' | [1, 2] < [1, 3] | 1 < 'a' | 'a' == 1 | none == false | 1 == true | (1,) == [1]
'a' in 'cat' | 1 in [1, 2] | 'a' in {'a': 1} | 3 not in [1] | 1 in 'a' | 'x' in nothing | not true | not not 1 | 1 and 0 | 0 or 'x' | '' or none
1 if true else 2 | 1 if false | 'x' if nothing else 'y' | (1 if false) is defined | 1 if true else 2 if true else 3
nothing | nothing.x | nothing['x'] | nothing() | nothing + 1 | nothing == nothing | nothing | upper | nothing | length | nothing | list | nothing | tojson | nothing | default('d') | nothing | int | nothing | string
data.nothing | data.nothing.x | data['list'][0] | data.list[-1] | data.list[5] | data.list['x'] | data.name[0] | data.name[-1] | data.name[99] | data.none.x | data.items | data['items'] | data.keys | data['keys'] | data.nested.b.c[1].d
data.list[1:] | data.list[:-1] | data.list[::-1] | data.list[::2] | data.name[2:5] | data.name[::-1] | data.emoji[1] | data.emoji[::-1] | data.emoji | data.list[5:] | data.list[-100:2] | data.list[::0] | data.text[2:-3:2] | data.emoji[1:2] | data.emoji|length
data.text.strip() | data.text.lstrip() | data.text.rstrip() | data.text.strip(' \n') | 'xxaxx'.strip('x') | data.text.split() | data.text.split(' ') | 'a,b,,c'.split(',') | 'a,b,c'.split(',', 1) | 'a b  c d'.split(none, 2) | 'a,b,c'.rsplit(',', 1) | ' a b c '.rsplit(none, 1) | ' a b c '.split(maxsplit=1) | 'abc'.split('') | ''.split() | ''.split(',')
data.text.splitlines() | 'a\r\nb\rc'.splitlines() | 'a\nb\n'.splitlines(true) | 'abcabc'.find('c') | 'abcabc'.rfind('c') | 'abc'.find('z') | 'abc'.index('z') | 'aaa'.count('a') | 'aaa'.count('') | 'é東a'.find('a') | 'abc'.find('c', 1, 2)
'hello world'.title() | "it's ok".title() | 'hello'.capitalize() | 'HeLLo'.swapcase() | 'Ünï'.upper() | 'ÜNÏ'.lower() | 'straße'.upper() | 'abc'.startswith('ab') | 'abc'.startswith(('x', 'a')) | 'abc'.endswith('bc') | 'abc'.startswith('b', 1)
'a-b'.replace('-', '+') | 'aaa'.replace('a', 'b', 2) | 'abc'.replace('', '-') | ','.join(['a', 'b']) | ','.join([1]) | ','.join('abc') | 'a:b:c'.partition(':') | 'a:b:c'.rpartition(':') | 'abc'.partition('x') | 'abc'.removeprefix('a') | 'abc'.removesuffix('c')
'{} {}'.format(1, 'a') | '{0} {name}'.format(1, name='x') | '{:>5}|{:<5}|{:05d}'.format('a', 'b', 42) | '{:.2f}'.format(3.14159) | '{{}}'.format() | '%s %d %.2f %5s|%-5s|' % ('a', 3, 2.5, 'r', 'l') | '%s' % 'x' | '%s' % [1] | '%d%%' % 5 | '%s %s' % ('a',) | '%x' % 255
'abc'.isdigit() | '123'.isdigit() | 'abc'.isalpha() | 'aB1'.isalnum() | ' '.isspace() | 'abc'.islower() | 'ABC'.isupper() | 'a'.center(5) + '|' | 'ab'.center(5) + '|' | 'a'.ljust(3) + '|' | 'a'.rjust(3) | '-5'.zfill(4) | 'abc'.nothing | 'abc'.upper
data.nested.keys() | data.nested.values() | data.nested.items() | data.nested.get('a') | data.nested.get('z') | data.nested.get('z', 5) | data.nested.items() | list | data.nested.pop('a') | data.list.append(1) | data.nested.update({}) | data.list.index(1) | data.list.count(3) | data.list.pop | data.nested.copy()
data | tojson | data.nested | tojson(indent=2) | data.nested | tojson(indent=4) | data.list | tojson(separators=(',', ':')) | {'b': 1, 'a': 2} | tojson(sort_keys=true) | 'é"\\/<>&\n\x01\x7f😀' | tojson | 'é😀' | tojson(ensure_ascii=true) | [] | tojson(indent=2) | {} | tojson | [[], {}] | tojson(indent=2) | (1, 2) | tojson | {1: 2, none: 3, true: 4, 1.5: 5} | tojson | 1e22 | tojson | 0.1 | tojson | data.nested.items() | tojson | [1] | tojson(indent='--')
data.list | sort | data.words | sort | data.words | sort(case_sensitive=true) | data.words | sort(reverse=true) | data.people | sort(attribute='age') | map(attribute='n') | list | data.mixed | sort | data.nested | dictsort | data.people | map(attribute='n') | join(', ') | data.people | selectattr('age', 'equalto', 30) | list | data.people | rejectattr('age', 'gt', 26) | map(attribute='n') | list | data.people | selectattr('age') | list | length | data.mixed | select('string') | list | data.mixed | reject('none') | list | data.mixed | select | list | data.words | map('upper') | list | data.words | map('replace', 'a', 'o') | list | data.list | map('string') | join
data.list | first | data.list | last | data.list | min | data.list | max | data.list | sum | data.people | sum(attribute='age') | [] | first | [] | max | data.list | join('-') | data.list | length | data.name | length | data.nested | length | 5 | length | data.list | reverse | list | 'abc' | reverse | data.mixed | unique | list | ['a', 'A', 'b'] | unique | list | 'abc' | list | data.nested | list | data.list | string | data.name | string | 5 | string
data.name | upper | data.name | lower | 'hello wORLD' | title | 'hELLO' | capitalize | data.text | trim | 'xax' | trim('x') | data.name | replace('n', 'N') | 'a\nb\n\nc' | indent | 'a\nb' | indent(2, true) | 'a\n\nb' | indent(2, blank=true) | 'a\nb\n' | indent(2) | '%s=%s' | format('a', 1) | 'a b c' | wordcount | 'ab' | center(6) ~ '|' | data.none | default('x') | data.none | default('x', true) | '' | d('y', true) | data.text | wordcount
'5' | int | '5.7' | int | 'x' | int | 'x' | int(7) | 5.9 | int | ' 12 ' | int | '0x1f' | int(0, 16) | true | int | none | int | '1.5' | float | 'x' | float | 3 | float | 2.5 | round | 3.5 | round | 2.567 | round(2) | 2.1 | round(0, 'ceil') | 1234 | round(-2) | 5 | round | -3 | abs | -2.5 | abs | 'x' | abs | 1.15 | round(1) | 2.675 | round(2)
'<a>' | e | '<a>' | escape ~ '<b>' | ('<a>' | safe) + '<b>' | '<a>' | safe | ('<a>' | e) | e | data.list | batch(2) | list | data.list | slice(2) | list | data.list | batch(2, 'x') | list | data.nested | items | list | 5 | items | [1, 2, 3] | select('odd') | list | [1, 2, 3] | select('divisibleby', 2) | list
1 is odd | 2 is even | 4 is divisibleby 2 | 4 is divisibleby(3) | 'a' is string | 1 is number | 1 is integer | 1.0 is float | true is boolean | true is number | true is integer | none is none | nothing is undefined | data is mapping | data.list is sequence | 'a' is sequence | data.list is iterable | 1 is iterable | data is iterable | 'a' is in ['a'] | 1 is eq 1 | 1 is not eq 2 | 'a' is lower | 'A' is upper | nothing is not defined | data.list is not mapping | 1 is sameas 1 | true is true | 1 is true | false is false | data.get is callable | 2 is gt 1 | nothing is string | nothing is iterable | nothing is sequence | 3 is in data.list and 5 is not in data.list | 1 is nosuchtest
range(3) | list | range(1, 10, 3) | list | range(5, 0, -2) | list | range(3) | range(0) | list | range(3)[1] | range(1000000) | length | dict(a=1, b=2) | dict({'a': 1}, b=2) | dict([('a', 1)]) | namespace(a=1).a | namespace(a=1).b | strftime_now('%Y-%m-%d %H:%M:%S %d %b %Y %A %B %j %-d') | raise_exception('no') | joiner(', ') is callable | cycler(1, 2).next() | range(2) | tojson
messages[0].role | messages | length | messages[-1]['content'] | tools[0].function.name | tools | tojson | tools is none | documents is none | add_generation_prompt | bos_token ~ eos_token | unk_token | loop | messages | map(attribute='role') | join(',') | messages | selectattr('role', 'eq', 'user') | map(attribute='content') | list | tools[0].function.parameters.properties.items() | list | length | tools | map(attribute='function.name') | list | tools[0]['function']['parameters']['properties']['city'] | messages[2].tool_calls[0].function.arguments.items() | list
data|upper | data | nosuchfilter | (1 | nosuchfilter) if false else 2 | data.list.0 | data.list.1 + 1 | {'a': 1}.a | {'items': 1}.items is callable | [1, 2,] | {'a': 1,} | dict(**{'a': 1}) | 'a' if 'b' | ((1)) | -(1) | +1 | -'a' | not 'a' == 'a' | 1 in [1] == true | 'a' ~ 'b' * 2 | 1 + 2 ~ 3 + 4 | [1, [2, [3]]] | 'x' * 0 | data.big | data.real | data.number | 5 is not none
"""

STATEMENTS = [
    "{% for i in data.list %}{{ i }}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ loop.depth }} {% endfor %}",
    "{% for i in data.list %}{{ loop.previtem }}-{{ loop.nextitem }}|{% endfor %}",
    "{% for i in data.list %}{{ loop.cycle('a', 'b') }}{{ loop.changed(i > 1) }}{% endfor %}",
    "{% for i in [] %}x{% else %}empty{% endfor %}", "{% for i in nothing %}x{% else %}empty{% endfor %}",
    "{% for i in none %}x{% endfor %}", "{% for i in 5 %}x{% endfor %}",
    "{% for i in data.list if i > 1 %}{{ i }}{{ loop.last }}{% else %}none{% endfor %}",
    "{% for k, v in data.nested.items() %}{{ k }}={{ v }};{% endfor %}", "{% for k in data.nested %}{{ k }};{% endfor %}",
    "{% for a, b in data.list %}{% endfor %}", "{% for c in 'aé😀' %}[{{ c }}]{% endfor %}",
    "{% for i in range(10) %}{% if i == 3 %}{% continue %}{% endif %}{% if i == 6 %}{% break %}{% endif %}{{ i }}{% endfor %}",
    "{% for x in [1, [2, [3]]] recursive %}{% if x is iterable %}({{ loop(x) }}){% else %}{{ x }}{{ loop.depth0 }}{% endif %}{% endfor %}",
    "{% set x = 1 %}{% for i in [1, 2] %}{% set x = x + i %}{{ x }} {% endfor %}{{ x }}",
    "{% set ns = namespace(x=1) %}{% for i in [1, 2] %}{% set ns.x = ns.x + i %}{% endfor %}{{ ns.x }}",
    "{% set ns = namespace() %}{% set ns.a = 1 %}{{ ns.a }}{{ ns.b }}{{ ns }}", "{% set d = {} %}{% set d.x = 1 %}",
    "{% set ns = namespace(_x=1) %}", "{% set ns = namespace() %}{% set ns._x = 1 %}",
    "{% set a, b = 1, 2 %}{{ a }}{{ b }}", "{% set a, b = [1] %}", "{% set (a, b) = (1, 2) %}{{ b }}{{ a }}",
    "{% set x %}  body {{ 1 + 1 }}{% endset %}[{{ x }}]", "{% set x | upper | trim %}  body {% endset %}[{{ x }}]",
    "{% if true %}{% set y = 5 %}{% endif %}{{ y }}", "{% if false %}{% set y = 5 %}{% endif %}{{ y }}",
    "{% if data.none %}a{% elif data.list %}b{% else %}c{% endif %}",
    "{% if not x is defined %}{% set x = 'set' %}{% endif %}{{ x }}",
    "{% macro m(a, b=2, c=a) %}{{ a }}{{ b }}{{ c }}{% endmacro %}{{ m(1) }} {{ m(1, 3) }} {{ m(1, c=9) }} {{ m() }}",
    "{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1, 2) }}", "{% macro m(a) %}{{ a }}{% endmacro %}{{ m(b=2) }}",
    "{% macro m() %}{{ varargs }}{{ kwargs }}{% endmacro %}{{ m(1, 2, x=3) }}",
    "{% macro m() %}[{{ caller() }}]{% endmacro %}{% call m() %}inside{% endcall %}",
    "{% macro m() %}{{ caller(1, 2) }}{% endmacro %}{% call(a, b) m() %}{{ a }}-{{ b }}{% endcall %}",
    "{% macro m() %}x{% endmacro %}{% call m() %}inside{% endcall %}", "{% macro m() %}{{ caller is defined }}{% endmacro %}{{ m() }}",
    "{% macro f(n) %}{% if n > 0 %}{{ n }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(5) }}",
    "{% set g = 7 %}{% macro m() %}{{ g }}{% endmacro %}{% set g = 8 %}{{ m() }}",
    "{% macro m(x) %}{% set y = x %}{{ y }}{% endmacro %}{{ m(1) }}{{ y }}",
    "{{ m.name }}{% macro m(x) %}{% endmacro %}", "{% macro m() %} a {% endmacro %}{{ m() | trim | upper }}{{ m() is string }}",
    "{% for i in [1, 2] %}{% macro m() %}{{ i }}{% endmacro %}{{ m() }}{% endfor %}",
    "{% filter upper %}abc {{ 'd' }}{% endfilter %}", "{% filter replace('a', 'b') | upper %}aa{% endfilter %}",
    "{% with a = 1, b = 2 %}{{ a }}{{ b }}{% endwith %}{{ a }}", "{% with %}{% set z = 1 %}{{ z }}{% endwith %}{{ z }}",
    "{% generation %}abc{{ 1 }}{% endgeneration %}", "{% raw %}{{ x }} {% if %}{% endraw %}", "a{# comment #}b",
    "{%- raw -%}  x  {%- endraw -%}  y", "{# a\n b #}\nx", "x {#- c -#} y",
    "  {% if true %}\n  a\n  {% endif %}\nb\n", "  {%+ if true %}\n  a\n  {%+ endif %}\nb\n", "a\n  {%- if true -%}\n  b\n  {%- endif %}\nc",
    "{% if true +%}\nx{% endif %}", "  {{ 1 }}\n  {{- 2 -}}  \n 3", "a {% if true %} b {% endif %} c", "\n\n  {% set x = 1 %}\n\n{{ x }}\n\n",
    "x\r\ny\rz", "{{ 'a\r\nb' }}", "line\n", "line\n\n", "\t {% if true %}x{% endif %}\t\n y", "{% if true %}\n\n x{% endif %}",
    "{{ [1, 2][0] }}{{ {'a': {'b': 1}}['a'].b }}", "{{ {'a': {}} }}", "{{ '}}' }}{{ \"%}\" }}", "{{ 1 }}{{2}}{{-3}}{{- 4 -}}",
    "{% print 1 + 1 %}", "{{ }}", "{% if %}{% endif %}", "{% if true %}", "{% endif %}", "{{ 1", "{% nosuch %}", "{{ 1 + }}", "{{ (1 }}", "{{ 'abc }}", "{# x",
    "{% for in x %}{% endfor %}", "{% set 1 = 2 %}", "{% set true = 2 %}", "{% break %}", "{{ a b }}", "{{ a.b. }}", "{% raw %}", "{{ 1 | }}", "{{ | upper }}", "{{ f(a=1, 2) }}", "{{ $ }}",
    "{% if false %}{{ 1 | nosuchfilter }}{% endif %}ok", "{{ 1 | nosuchfilter }}", "{% if true %}{{ 1 | nosuchfilter }}{% endif %}",
    "{% for m in [] %}{{ m | nosuchfilter }}{% endfor %}ok", "{% if false %}{{ 1 is nosuchtest }}{% endif %}ok", "{% if 1 is nosuchtest %}{% endif %}",
    "{% set g = data.list | map('string') %}{{ g | list }}{{ g | list }}", "{% set g = data.list | select %}{{ g is sequence }}{{ g is iterable }}{% if g %}t{% endif %}{{ g | length }}",
    "{% set j = joiner(', ') %}{% for i in [1, 2, 3] %}{{ j() }}{{ i }}{% endfor %}", "{% set c = cycler('a', 'b') %}{{ c.next() }}{{ c.next() }}{{ c.next() }}{{ c.current }}",
    "{{ messages[0] }}", "{{ raise_exception('bad ' ~ 1) }}", "{% for x in data.people | sort(attribute='n') %}{{ x.n }}{% endfor %}",
    "{% for x in data.nested | dictsort %}{{ x[0] }}{% endfor %}", "{% for x in data.list | reverse %}{{ x }}{% endfor %}",
    "{% set content = messages[0].content %}{{ content.split('e')[-1].lstrip('\\n') }}",
    "{{- 'x' }}\n{%- for m in messages %}\n{{ m.role }}: {{ m.content | trim }}\n{%- endfor %}\n",
    "{% if messages[0]['role'] == 'system' %}{% set loop_messages = messages[1:] %}{% else %}{% set loop_messages = messages %}{% endif %}{{ loop_messages | length }}",
    "{%- macro render(x, depth=0) -%}{%- if x is mapping -%}{%- for k, v in x | dictsort -%}{{ '  ' * depth }}{{ k }}:\n{{ render(v, depth + 1) }}{%- endfor -%}{%- else -%}{{ '  ' * depth ~ x }}\n{%- endif -%}{%- endmacro -%}{{ render(data.nested) }}",
]

# In the table above, " | " between two expressions looks like a filter: split where the next is no filter name, by
# trying every reading would be silly, so every cell and every line is its own snippet.
SNIPPETS = list(STATEMENTS)
for row in EXPRESSIONS.strip().split("\n"):
    cells = row.split(" | ")
    for i, cell in enumerate(cells):
        SNIPPETS.append("{{ " + cell + " }}")
        for length in (2, 3, 4):
            if i + length <= len(cells):
                SNIPPETS.append("{{ " + " | ".join(cells[i:i + length]) + " }}")
SNIPPETS = list(dict.fromkeys(SNIPPETS))
