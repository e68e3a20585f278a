// Renders chat templates for template_oracle.py: one JSON request per line of standard input, one answer per
// line.
#include <iostream>
#include <map>
#include <optional>
#include <string>

#include "base/json.h"
#include "text/template/chat_template.h"

namespace {

using mote::Json;

std::string text_of(const Json& request, std::string_view key) {
  const Json* member = request.find(key);
  const std::string* text = member != nullptr ? member->if_string() : nullptr;
  return text != nullptr ? *text : "";
}

Json failure(const mote::Error& error) {
  Json answer;
  answer["ok"] = Json(false);
  answer["code"] = Json(error.code.name);
  answer["message"] = Json(error.message);
  return answer;
}

Json render(const mote::text::ChatTemplate& chat_template, const Json& request) {
  const Json none = mote::JsonArray{};
  mote::text::RenderInput input;
  input.messages = request.find("messages") != nullptr ? request.find("messages") : &none;
  input.tools = request.find("tools");
  input.documents = request.find("documents");
  input.extra = request.find("extra");
  const Json* prompt = request.find("add_generation_prompt");
  input.add_generation_prompt = prompt != nullptr && prompt->if_bool() != nullptr && *prompt->if_bool();
  input.bos_token = text_of(request, "bos_token");
  input.eos_token = text_of(request, "eos_token");
  // 2024-07-04 05:06:07, a Thursday
  input.now.tm_year = 124;
  input.now.tm_mon = 6;
  input.now.tm_mday = 4;
  input.now.tm_hour = 5;
  input.now.tm_min = 6;
  input.now.tm_sec = 7;
  input.now.tm_wday = 4;
  input.now.tm_yday = 185;
  const auto pieces = chat_template.render(input);
  if (!pieces) return failure(pieces.error());
  Json answer;
  answer["ok"] = Json(true);
  mote::JsonArray list;
  for (const auto& piece : *pieces)
    list.push_back(Json(mote::JsonArray{Json(piece.text), Json(piece.is_template)}));
  answer["pieces"] = Json(std::move(list));
  return answer;
}

}  // namespace

int main() {
  std::map<std::string, mote::Result<mote::text::ChatTemplate>> parsed;
  std::string line;
  while (std::getline(std::cin, line)) {
    const auto request = mote::parse_json(line);
    if (!request) {
      std::cout << failure(request.error()).dump() << "\n";
      continue;
    }
    const std::string source = text_of(*request, "template");
    auto found = parsed.find(source);
    if (found == parsed.end()) {
      mote::text::TemplateLimits limits;
      limits.max_milliseconds = 10'000;  // what is compared here is text, on machines that may be busy
      found = parsed.emplace(source, mote::text::ChatTemplate::parse(source, limits)).first;
    }
    const auto& chat_template = found->second;
    std::cout << (chat_template ? render(*chat_template, *request) : failure(chat_template.error())).dump()
              << "\n";
  }
  return 0;
}
