// Answers of a model to the items of a tool test, for comparison with another implementation.
//
//   agent_probe MODEL ITEMS.jsonl
//
// Prints one JSON object a line: {"prompt": [ids], "text": ..., "right": ...}.
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "agent/tool_test.h"
#include "engine/loaded_model.h"
#include "mote/cancel.h"
#include "sys/mapped_file.h"

namespace {

[[noreturn]] void fail(const mote::Error& error) {
  std::fprintf(stderr, "%s\n", mote::format_error(error).c_str());
  std::exit(1);
}

template <typename T>
T value_or_exit(mote::Result<T> result) {
  if (!result) fail(result.error());
  return std::move(*result);
}

}  // namespace

int main(int argc, char** argv) {
  using namespace mote;
  if (argc != 3) return 2;
  const auto runtime = value_or_exit(engine::Runtime::create({}));
  const auto model = value_or_exit(engine::LoadedModel::load(*runtime, argv[1], {}));
  const auto session = value_or_exit(engine::Session::create(*runtime, model, {}));
  const std::string text = value_or_exit(sys::read_text_file(argv[2], std::uint64_t{1} << 30));
  const CancelToken cancel;
  for (const agent::ToolTestItem& item : value_or_exit(agent::parse_tool_test(text))) {
    const agent::AnsweredItem answered = value_or_exit(agent::answer_item(*model, *session, item, cancel));
    Json line;
    for (const TokenId id : answered.prompt) line["prompt"].push_back(id);
    line["text"] = answered.text;
    line["right"] = agent::is_right(item, answered.text);
    std::printf("%s\n", line.dump().c_str());
  }
}
