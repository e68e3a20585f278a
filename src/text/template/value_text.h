// Values as text: str() and repr() of Python, and json.dumps(). Strings in the result keep their origin,
// digits and punctuation count as the template's (no control token consists of them).
#pragma once

#include <cstdint>
#include <string>

#include "mote/result.h"
#include "text/template/tagged_text.h"
#include "text/template/value.h"

namespace mote::text::jinja {

// Python's repr of a float: shortest exact digits, exponent below 1e-4 and from 1e16, always with a point or
// an exponent; "inf", "nan".
std::string float_repr(double value);

// What {{ value }} prints. `max_bytes` bounds the work: longer results are cut off somewhere past it, and the
// caller refuses them.
TaggedText to_text(const Value& value, std::size_t max_bytes);
TaggedText to_repr(const Value& value, std::size_t max_bytes);

struct JsonStyle {
  bool ensure_ascii = false;
  bool sort_keys = false;
  bool has_indent = false;
  TaggedText indent;  // one level
  TaggedText item_separator{", ", true};
  TaggedText key_separator{": ", true};
  std::size_t max_bytes = 0;
};

// Errors: TPL_RUNTIME for what JSON cannot hold, as json.dumps raises a TypeError.
Result<TaggedText> to_json(const Value& value, const JsonStyle& style);

}  // namespace mote::text::jinja
