// mote render: messages through the model's chat template.
#include "agent/tools.h"
#include "apps/cli/command.h"
#include "apps/cli/model_options.h"
#include "apps/cli/text_input.h"
#include "text/conversation.h"

namespace mote::cli {
namespace {

constexpr ErrorCode kMessages{"RENDER_MESSAGES", ErrorKind::invalid_argument};

Result<Json> read_json(const std::string& path) {
  MOTE_ASSIGN(const std::string text, read_input(path));
  Result<Json> json = parse_json(text);
  if (!json) json.error().file = path;
  return json;
}

class Render : public Command {
 public:
  [[nodiscard]] std::string_view name() const override { return "render"; }
  [[nodiscard]] std::string_view summary() const override {
    return "Render messages with the model's chat template";
  }
  std::vector<Option> options() override {
    return {
        {"MODEL,-m,--model", "", "a model, or a tokenizer file or folder", &model_, false, ValueKind::path},
        {"--tokenizer", "FILE", "tokenizer file or folder instead of the model's own", &tokenizer_, false,
         ValueKind::path},
        {"--messages", "FILE", "JSON: an array of messages, or an object with messages and tools", &messages_,
         true, ValueKind::file},
        {"--tools", "FILE", "JSON: an array of tools, or an object with tools", &tools_, false,
         ValueKind::file},
        {"--template", "FILE", "a Jinja template instead of the model's own", &template_, false,
         ValueKind::file},
        {"--no-generation-prompt", "", "leave out what begins the model's answer", &no_generation_prompt_}};
  }

  Result<Json> run(Program& program) override {
    MOTE_ASSIGN(Json content, read_json(messages_));
    Json tools;
    if (!tools_.empty()) {
      MOTE_ASSIGN(tools, read_json(tools_));
    }
    Json messages = content;
    if (content.is_object()) {
      if (const Json* found = content.find("tools"); found != nullptr && tools_.empty()) tools = *found;
      const Json* found = content.find("messages");
      messages = found == nullptr ? Json() : *found;
    }
    if (!messages.is_array()) {
      return Error{kMessages, "an array of messages was expected",
                   R"(for example [{"role": "user", "content": "Hello"}])", messages_, std::nullopt};
    }
    tools = agent::shown_tools(tools);
    MOTE_ASSIGN(const std::unique_ptr<Tokenizer> tokenizer, open_tokenizer(program, model_, tokenizer_));
    std::string source = tokenizer->chat_template();
    if (!template_.empty()) {
      MOTE_ASSIGN(source, read_input(template_));
    }
    if (source.empty()) {
      return Error{text::kTemplateAbsent, "the model has no chat template", "name one with --template",
                   model_, std::nullopt};
    }
    MOTE_ASSIGN(const text::ChatTemplate chat_template, text::ChatTemplate::parse(source));
    MOTE_ASSIGN(const text::TextPieces pieces,
                text::render_chat(chat_template, *tokenizer, messages, tools.is_null() ? nullptr : &tools,
                                  !no_generation_prompt_, text::local_time()));
    const std::string text = text::concatenate(pieces);
    program.print(text);
    Json out;
    out["text"] = text;
    return out;
  }

 private:
  std::string model_;
  std::string tokenizer_;
  std::string messages_;
  std::string tools_;
  std::string template_;
  bool no_generation_prompt_ = false;
};

}  // namespace

std::unique_ptr<Command> make_render() { return std::make_unique<Render>(); }

}  // namespace mote::cli
