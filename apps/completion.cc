// mote completion: the script that makes a shell complete mote's command line.
#include "apps/cli/choice.h"
#include "apps/cli/command.h"
#include "apps/cli/overview.h"
#include "apps/cli/program.h"
#include "apps/shells/script.h"

namespace mote::cli {
namespace {

using Writer = std::string (*)(std::span<const DescribedCommand>);
constexpr std::array kShells{Choice<Writer>{"bash", bash_script}, Choice<Writer>{"zsh", zsh_script},
                             Choice<Writer>{"fish", fish_script}};

class Completion : public Command {
 public:
  [[nodiscard]] std::string_view name() const override { return "completion"; }
  [[nodiscard]] std::string_view summary() const override {
    return "Print the completion script of a shell: bash, zsh or fish";
  }
  std::vector<Option> options() override {
    return {{"SHELL", "", "bash, zsh or fish", &shell_, true, ValueKind::choice, names_of(kShells)}};
  }
  [[nodiscard]] std::string_view epilogue() const override {
    return "An installed mote has them in place. Otherwise, for the running shell:\n"
           "  bash, zsh:  source <(mote completion bash)\n"
           "  fish:       mote completion fish | source\n";
  }

  Result<Json> run(Program& program) override {
    MOTE_ASSIGN(const Writer write, choose("SHELL", shell_, kShells));
    const std::string script = write(describe_commands());
    program.print(script);
    Json out;
    out["shell"] = shell_;
    out["script"] = script;
    return out;
  }

 private:
  std::string shell_;
};

}  // namespace

std::unique_ptr<Command> make_completion() { return std::make_unique<Completion>(); }

}  // namespace mote::cli
