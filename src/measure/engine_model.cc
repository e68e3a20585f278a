#include "measure/engine_model.h"

namespace mote::measure {
namespace {

class EngineModel : public LogitModel {
 public:
  EngineModel(std::unique_ptr<engine::Session> session, const CancelToken* cancel)
      : session_(std::move(session)), cancel_(cancel) {}

  [[nodiscard]] std::size_t vocabulary() const override { return session_->model().vocab(); }

  Result<void> restart() override {
    session_->truncate(0);
    return {};
  }

  Result<std::span<const float>> feed(std::span<const std::int32_t> tokens, std::size_t first_row) override {
    if (first_row > 0) MOTE_TRY(session_->feed(tokens.first(first_row), engine::LogitsWanted::none, cancel_));
    if (first_row == tokens.size()) return std::span<const float>();
    return session_->feed(tokens.subspan(first_row), engine::LogitsWanted::all, cancel_);
  }

 private:
  std::unique_ptr<engine::Session> session_;
  const CancelToken* cancel_;
};

}  // namespace

std::unique_ptr<LogitModel> engine_model(std::unique_ptr<engine::Session> session,
                                         const CancelToken* cancel) {
  return std::make_unique<EngineModel>(std::move(session), cancel);
}

}  // namespace mote::measure
