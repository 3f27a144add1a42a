#include "tests/e2e/storm_load.hpp"

#include <optional>
#include <sstream>

#include "tests/support/raw_client.hpp"
#include "tests/support/test_server.hpp"
#include "tests/support/until.hpp"

namespace switchback::test {

namespace {
constexpr const char* names[] = {"keep-alive", "new connection", "PUT", "POST",
                                 "download",   "chunked",        "SSE", "WebSocket"};

std::string request(const std::string& method, const std::string& target,
                    const std::string& body = "") {
  std::string text = method + " " + target + " HTTP/1.1\r\nHost: shop\r\n";
  if (method != "GET") text += "Content-Length: " + std::to_string(body.size()) + "\r\n";
  return text + "\r\n" + body;
}

bool sink_is_right(const RawResponse& answer, const std::string& body) {
  return answer.body == "bytes=" + std::to_string(body.size()) +
                            " fnv=" + std::to_string(body_hash(body));
}

// Every event in order, all from one server.
bool events_are_right(const RawResponse& answer, unsigned count) {
  std::string want;
  for (unsigned i = 0; i < count; ++i) {
    want += "data: " + std::to_string(i) + " " + answer.field("X-Served-By") + "\n\n";
  }
  return answer.body == want;
}
}  // namespace

Storm::Storm(std::string address) : address_(std::move(address)) {}
Storm::~Storm() { stop(); }

void Storm::start() {
  const auto add = [&](Kind kind, unsigned times) {
    while (times-- > 0) threads_.emplace_back([this, kind] { run(kind); });
  };
  add(Kind::keep_alive, 6);
  add(Kind::fresh, 2);
  add(Kind::upload, 2);
  add(Kind::post, 2);
  add(Kind::download, 2);
  add(Kind::chunked, 2);
  add(Kind::events, 4);
  for (int i = 0; i < 6; ++i) threads_.emplace_back([this] { run_websocket(); });
}

void Storm::stop() {
  stopping_ = true;
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

Stage Storm::stage() const {
  const std::lock_guard lock(mutex_);
  return stage_;
}

void Storm::set_stage(const std::string& color) {
  const std::lock_guard lock(mutex_);
  ++stage_.number;
  stage_.color = color;
}

bool Storm::wait_for_answers(std::uint64_t count) {
  std::unique_lock lock(mutex_);
  const std::uint64_t target = answers_ + count;
  return changed_.wait_for(lock, patience, [&] { return answers_ >= target; });
}

std::vector<std::string> Storm::complaints() const {
  const std::lock_guard lock(mutex_);
  return complaints_;
}

std::string Storm::summary() const {
  std::ostringstream out;
  out << answers_ << " answers (";
  for (std::size_t i = 0; i < by_kind_.size(); ++i) {
    out << (i ? ", " : "") << names[i] << " " << by_kind_[i];
  }
  out << "), " << messages_ << " WebSocket messages, " << closes_ << " times closed with 1012, " << failed_ << " failed, " << stale_ << " stale";
  return out.str();
}

void Storm::complain(Kind kind, const std::string& what) {
  const std::lock_guard lock(mutex_);
  if (complaints_.size() < 20) {
    complaints_.push_back(std::string(names[static_cast<std::size_t>(kind)]) + ": " + what);
  }
}

void Storm::judge(Kind kind, const Stage& before, const RawResponse& answer, bool good) {
  if (!good) {
    ++failed_;
    complain(kind, "status " + std::to_string(answer.status) + ", " +
                       std::to_string(answer.body.size()) + " bytes, complete " +
                       std::to_string(answer.complete) + ": " + answer.head.substr(0, 300));
  }
  if (good) note_served(kind, before, answer.field("X-Served-By"));
  ++by_kind_[static_cast<std::size_t>(kind)];
  const std::lock_guard lock(mutex_);
  ++answers_;
  changed_.notify_all();
}

void Storm::note_served(Kind kind, const Stage& before, const std::string& served) {
  if (before.color.empty() || before.number != stage().number || served == before.color) return;
  ++stale_;
  complain(kind, "begun when " + before.color + " was active, served by " + served);
}

bool Storm::once(Kind kind, RawClient& client, unsigned turn) {
  static const std::string big = body_of(200'000), small = body_of(700);
  const Stage before = stage();
  std::size_t bytes = 10 + turn % 2000;
  std::string text;
  switch (kind) {
    case Kind::upload: text = request("PUT", "/sink", turn % 4 ? small : big); break;
    case Kind::post: text = request("POST", "/sink", turn % 4 ? small : big); break;
    case Kind::events: text = request("GET", "/sse?events=8&ms=3"); break;
    case Kind::chunked: text = request("GET", "/chunked?bytes=" + std::to_string(bytes)); break;
    case Kind::download:
      bytes = 400'000;
      [[fallthrough]];
    default: text = request("GET", "/ok?bytes=" + std::to_string(bytes)); break;
  }
  client.send(text);
  const RawResponse answer = client.read_response();
  bool good = answer.status == 200 && answer.complete;
  if (kind == Kind::upload || kind == Kind::post) {
    good = good && sink_is_right(answer, turn % 4 ? small : big);
  } else if (kind == Kind::events) {
    good = good && events_are_right(answer, 8);
  } else {
    good = good && answer.body == body_of(bytes);
  }
  judge(kind, before, answer, good);
  return good && answer.field("Connection") != "close";
}

void Storm::run(Kind kind) {
  std::optional<RawClient> client;
  for (unsigned turn = 0; !stopping_; ++turn) {
    try {
      if (!client || kind == Kind::fresh) client.emplace(address_);
      if (!once(kind, *client, turn)) client.reset();
    } catch (const std::exception& fault) {
      ++failed_;
      complain(kind, fault.what());
      client.reset();
    }
  }
}

}  // namespace switchback::test
