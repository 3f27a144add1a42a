// The admin API's readers of bodies, fields and targets: whatever comes in, they answer with a
// value or a refusal that names a fault, and never both read a body and let an unknown member pass.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "admin/api/body.hpp"

namespace {

using namespace switchback;

void must(bool holds) {
  if (!holds) std::abort();
}

template <class T>
bool refused(const api::Parsed<T>& parsed) {
  const auto* refusal = std::get_if<api::Refusal>(&parsed);
  if (refusal == nullptr) return false;
  must(refusal->problem.status >= 400 && refusal->problem.status < 500);
  must(!refusal->problem.moved && !refusal->problem.code.empty() &&
       !refusal->problem.detail.empty());
  must(!api::problem_response(*refusal, "/").body.empty());
  return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto flip = api::parse_flip_body(text);
  if (!refused(flip)) {
    const auto& body = std::get<api::FlipBody>(flip);
    must(body.to && !body.to->empty());
    must(!body.force || !body.reason.empty());
    must(body.reason.size() <= api::most_reason_bytes);
    must(text.find("\"to\"") != std::string_view::npos ||
         text.find('\\') != std::string_view::npos);
  }
  const auto rollback = api::parse_rollback_body(text);
  if (!refused(rollback)) must(!std::get<api::FlipBody>(rollback).to);
  const auto pause = api::parse_pause_body(text);
  if (!refused(pause)) {
    const auto max = std::get<api::PauseBody>(pause).max;
    must(max.count() > 0 && max <= api::longest_pause);
  }
  refused(api::parse_if_match(text));
  refused(api::parse_idempotency_key(text));
  refused(api::parse_wait(text));
  refused(api::parse_limit(text));
  refused(api::parse_kind(text));
  api::wants_async(text);
  std::string path;
  web::Fields query;
  if (web::parse_target(text, path, query)) must(path.starts_with('/'));
  return 0;
}
