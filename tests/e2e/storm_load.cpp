// The storm itself: its threads, its judgement, its figures.
#include "tests/e2e/storm_load.hpp"

#include <optional>
#include <sstream>

#include "tests/support/until.hpp"

namespace switchback::test {

namespace {
constexpr const char* kind_names[] = {"keep-alive",      "new connection", "PUT", "POST",
                                      "download",        "chunked",        "SSE", "upload of MiBs",
                                      "brittle servers", "WebSocket"};
constexpr const char* door_names[] = {"", " TLS", " PROXY"};
constexpr std::size_t max_complaints = 20;

std::string name_of(Kind kind, Door door) {
  return std::string(kind_names[static_cast<std::size_t>(kind)]) +
         door_names[static_cast<std::size_t>(door)];
}
}  // namespace

Storm::Storm(Doors& doors, Casualties& casualties) : doors_(doors), casualties_(casualties) {}
Storm::~Storm() {
  stop();
}

void Storm::add(Kind kind, Door door, unsigned clients) {
  while (clients-- > 0) threads_.emplace_back([this, kind, door] { run(kind, door); });
}

void Storm::start() {
  for (const Door door : {Door::plain, Door::tls}) {
    add(Kind::keep_alive, door, 3);
    add(Kind::fresh, door, 2);
    add(Kind::upload, door, 1);
    add(Kind::post, door, 1);
    add(Kind::download, door, 1);
    add(Kind::chunked, door, 1);
    add(Kind::events, door, 2);
    add(Kind::big, door, 1);
    add(Kind::brittle, door, 2);
    add(Kind::websocket, door, 3);
  }
  add(Kind::keep_alive, Door::proxy, 1);
  add(Kind::fresh, Door::proxy, 1);
  add(Kind::websocket, Door::proxy, 1);
}

void Storm::start_flat_out(unsigned times) {
  add(Kind::keep_alive, Door::plain, 3 * times);
  add(Kind::post, Door::plain, 2 * times);
  add(Kind::upload, Door::plain, times);
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
  out << answers_ << " answers";
  const char* separator = " (";
  for (std::size_t kind = 0; kind < kinds; ++kind) {
    for (std::size_t door = 0; door < door_count; ++door) {
      if (by_kind_[kind][door] == 0) continue;
      out << separator << name_of(static_cast<Kind>(kind), static_cast<Door>(door)) << " "
          << by_kind_[kind][door];
      separator = ", ";
    }
  }
  out << "), " << messages_ << " WebSocket messages, " << closes_ << " times closed with 1012; "
      << doors_.handshakes() << " TLS handshakes, " << doors_.resumed() << " resumed, "
      << doors_.certificates() << " certificates; " << casualties_.kills() << " servers killed; "
      << failed_ << " failed, " << excused_[0] << " answers cut and " << excused_[1]
      << " not to be repeated and " << excused_[2] << " tunnels gone with a killed server, "
      << stale_ << " stale";
  return out.str();
}

Storm::Asked Storm::begin(Kind kind, Door door, std::uint64_t number) const {
  return {kind, door, number, stage(), std::chrono::steady_clock::now()};
}

void Storm::note_failure(const Asked& asked, Excuse excuse, const std::string& server,
                         const std::string& what) {
  if (excuse != Excuse::none && casualties_.excuse(server, asked.begun)) {
    ++excused_[static_cast<std::size_t>(excuse)];
    return;
  }
  ++failed_;
  const std::lock_guard lock(mutex_);
  if (complaints_.size() >= max_complaints) return;
  complaints_.push_back(name_of(asked.kind, asked.door) + ": " + what);
}

bool Storm::judge(const Asked& asked, const RawResponse& answer, bool good) {
  const std::string server = answer.field("X-Served-By");
  if (good) {
    note_served(asked, server);
  } else {
    Excuse excuse = Excuse::none;
    if (answer.status == 200 && !answer.complete && !server.empty()) excuse = Excuse::cut;
    if (answer.status == 502 && server.empty() && !asked.repeatable) excuse = Excuse::not_twice;
    note_failure(asked, excuse, server,
                 "status " + std::to_string(answer.status) + ", " +
                     std::to_string(answer.body.size()) + " bytes, complete " +
                     std::to_string(answer.complete) + ": " + answer.head.substr(0, 300) +
                     answer.body.substr(0, 300));
  }
  note_answer(asked);
  return good && answer.field("Connection") != "close";
}

void Storm::broken(const Asked& asked, const std::string& what) {
  note_failure(asked, asked.repeatable ? Excuse::none : Excuse::not_twice, "", what);
}

void Storm::note_answer(const Asked& asked) {
  ++by_kind_[static_cast<std::size_t>(asked.kind)][static_cast<std::size_t>(asked.door)];
  const std::lock_guard lock(mutex_);
  ++answers_;
  changed_.notify_all();
}

void Storm::note_served(const Asked& asked, const std::string& server) {
  const std::string& color = asked.before.color;
  if (color.empty() || server.starts_with(color) || asked.before.number != stage().number) return;
  ++stale_;
  const std::lock_guard lock(mutex_);
  if (complaints_.size() >= max_complaints) return;
  complaints_.push_back(name_of(asked.kind, asked.door) + ": begun when " + color +
                        " was active, served by " + server);
}

void Storm::run(Kind kind, Door door) {
  std::optional<RawClient> client;
  for (std::uint64_t number = 0; !stopping_; ++number) {
    Asked asked = begin(kind, door, number);
    try {
      if (kind == Kind::websocket) {
        websocket_session(asked);
        continue;
      }
      if (!client || kind == Kind::fresh) client.emplace(doors_.open(door, number));
      const bool again = kind == Kind::big ? upload_big(asked, *client) : once(asked, *client);
      if (!again) client.reset();
    } catch (const std::exception& fault) {
      broken(asked, fault.what());
      client.reset();
    }
  }
}

}  // namespace switchback::test
