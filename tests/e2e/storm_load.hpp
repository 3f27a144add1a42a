// Load from outside that judges every answer: complete, of the right bytes, from a color that the
// flips allow.
//
// The judgement: a Stage says which color every request begun now must get (stable), or that a
// flip is under way (any). A request begun in a stable stage that is still the same stage when its
// answer's head is here has been served by that stage's color, or it is stale.
//
// What failed while a server was killed is excused when nobody could have repeated it: a POST, a
// body larger than what is kept for a repeat, an answer or a tunnel that had begun on that server.
// Everything else that fails is a failure.
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "tests/e2e/storm_casualties.hpp"
#include "tests/e2e/storm_doors.hpp"

namespace switchback::test {

struct Stage {
  std::uint64_t number = 0;  // grows with every change
  std::string color;         // "": a flip is under way
};

enum class Kind : std::size_t {
  keep_alive,
  fresh,   // a connection for each request
  upload,  // PUT
  post,
  download,
  chunked,
  events,   // Server-Sent Events
  big,      // uploads of some MiB
  brittle,  // of servers that close kept connections without a word
  websocket,
  count
};

// Why a failure is nobody's fault but the killed server's.
enum class Excuse : std::size_t {
  cut,        // the answer had begun on that server
  not_twice,  // a POST, or a body that was not kept: 502
  tunnel,     // a WebSocket through that server
  count,
  none
};

class Storm {
 public:
  Storm(Doors& doors, Casualties& casualties);
  ~Storm();  // stops
  void start();
  // Only clients in cleartext that keep their connections and ask flat out: GET, POST, PUT, `times`
  // six of them.
  void start_flat_out(unsigned times);
  void stop();
  void set_stage(const std::string& color);
  // Blocks until `count` more answers have come; false when the patience ran out.
  bool wait_for_answers(std::uint64_t count);
  std::uint64_t answers() const { return answers_; }
  std::uint64_t answers(Kind kind, Door door) const {
    return by_kind_[static_cast<std::size_t>(kind)][static_cast<std::size_t>(door)];
  }
  std::uint64_t stale() const { return stale_; }
  std::uint64_t failed() const { return failed_; }
  std::vector<std::string> complaints() const;
  std::uint64_t messages() const { return messages_; }  // of WebSockets, both ways
  std::uint64_t closes() const { return closes_; }      // 1012, each behind a whole sequence
  std::string summary() const;

 private:
  struct Asked {  // one request under way
    Kind kind;
    Door door;
    std::uint64_t number;  // of this client
    Stage before;
    Moment begun;
    bool repeatable = true;
  };
  void add(Kind kind, Door door, unsigned clients);
  void run(Kind kind, Door door);
  bool once(Asked& asked, RawClient& client);        // storm_requests.cpp
  bool upload_big(Asked& asked, RawClient& client);  // storm_uploads.cpp
  void websocket_session(Asked& asked);              // storm_websocket.cpp
  Asked begin(Kind kind, Door door, std::uint64_t number) const;
  // True: the connection can be used again.
  bool judge(const Asked& asked, const RawResponse& answer, bool good);
  void broken(const Asked& asked, const std::string& what);  // no answer at all
  void note_answer(const Asked& asked);
  void note_served(const Asked& asked, const std::string& server);
  // `excuse` holds where a kill of `server` ("": of any) touches the request's time.
  void note_failure(const Asked& asked, Excuse excuse, const std::string& server,
                    const std::string& what);
  Stage stage() const;

  static constexpr std::size_t kinds = static_cast<std::size_t>(Kind::count);
  static constexpr std::size_t door_count = static_cast<std::size_t>(Door::count);
  Doors& doors_;
  Casualties& casualties_;
  std::atomic<bool> stopping_{false};
  std::atomic<std::uint64_t> answers_{0}, stale_{0}, failed_{0};
  std::array<std::atomic<std::uint64_t>, static_cast<std::size_t>(Excuse::count)> excused_{};
  std::atomic<std::uint64_t> messages_{0}, closes_{0};
  std::array<std::array<std::atomic<std::uint64_t>, door_count>, kinds> by_kind_{};
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  Stage stage_;
  std::vector<std::string> complaints_;
  std::vector<std::thread> threads_;
};

}  // namespace switchback::test
