// The program with a command table of its own, whose texts have everything that a shell or roff could take
// for something else: for tests/system/completion_test.py, which reads the same texts off its --help.
#include <array>

#include "apps/cli/command.h"

namespace mote::cli {
namespace {

class Awkward : public Command {
 public:
  [[nodiscard]] std::string_view name() const override { return "awkward"; }
  [[nodiscard]] std::string_view summary() const override {
    return R"(.It's "quoted": $HOME `id` $(id) [a] {b,c} \e \ * ? ~ # ! & | ; <x> 100% -- end\)";
  }
  std::vector<Option> options() override {
    const std::vector<std::string> words = {
        "it's", "a b", "$HOME", "`id`", "x:y", "[z]", "{1,2}", "back\\slash", "semi;colon", "\"d\"",
        "~t",   "#n",  "*",     "?",    "a=b", "!h",  "(p)",   "a&b|c<d>e",   "caf\xC3\xA9"};
    return {
        {"WORD", "", "'a: $1 [b] \\fB \\n", &word_, true, ValueKind::choice, words},
        {"-w,--word", "W", ".[It's] \"a\": $HOME `id`; b]c\\ \\fBx", &text_, false, ValueKind::choice, words},
        {"-l,--list", "W", "a 'b' \\'c\\' %s $(id)", &list_, false, ValueKind::choice, words},
        {"-ab,--a-b", "", "' -- - caf\xC3\xA9 ^x ~y", &flag_}};
  }
  [[nodiscard]] std::string_view epilogue() const override {
    return ".TH is no request here\n'nor \\fIthis\\fR\nback\\slash \"q\"\n";
  }
  Result<Json> run(Program& /*program*/) override { return Json(JsonObject{}); }

 private:
  std::string word_;
  std::string text_;
  std::vector<std::string> list_;
  bool flag_ = false;
};

}  // namespace

std::span<const CommandFactory> all_commands() {
  static constexpr auto kCommands = std::to_array<CommandFactory>(
      {[]() -> std::unique_ptr<Command> { return std::make_unique<Awkward>(); }, make_completion, make_man});
  return kCommands;
}

std::span<const LaterCommand> later_commands() { return {}; }

}  // namespace mote::cli
